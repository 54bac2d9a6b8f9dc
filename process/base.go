package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
)

// client returns a client of STS that acts with source's credentials on behalf of a; for a base account both are the same.
func (r *Resolver) client(ctx context.Context, file *accounts.File, source, a *accounts.Account, hurry bool) (*client, error) {
	cfg, err := r.sourceConfig(ctx, file, source, a, hurry)
	if err != nil {
		return nil, err
	}
	return newClient(cfg, partitionOf(a), hurry, r.report(a.Name)), nil
}

func (r *Resolver) sourceConfig(ctx context.Context, file *accounts.File, source, a *accounts.Account, hurry bool) (aws.Config, error) {
	region := a.EffectiveRegion()
	if !actsWithSession(file, source, a) {
		return r.baseConfig(ctx, file, source, region)
	}
	// Not through the SDK: it would get the session in the background and put its own errors in place of ours.
	provider := r.Session(source.Name)
	provider.Hurry = hurry
	session, err := provider.Retrieve(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	if hurry && provider.Unanswered != nil { // AWS is out of reach: one link has waited for it, the others need not
		return aws.Config{}, provider.Unanswered
	}
	return loadConfig(ctx, noProfile, region, config.WithCredentialsProvider(static(session)))
}

// baseConfig loads the SDK's configuration with the credentials that a base account begins with.
func (r *Resolver) baseConfig(ctx context.Context, file *accounts.File, base *accounts.Account, region string) (aws.Config, error) {
	from := base.Credentials
	switch {
	case from == nil:
		return unstatedConfig(ctx, file, base, region)
	case from.Environment:
		return environmentConfig(ctx, base, region)
	case from.Keychain:
		return r.keychainConfig(ctx, base, region)
	case from.Instance:
		return instanceConfig(ctx, region)
	case from.WebIdentityTokenFile != "":
		return webIdentityConfig(ctx, file, base, region)
	default:
		return profileConfig(ctx, file, base, from.Profile, region)
	}
}

// unstatedConfig is for a base account that doesn't say where it begins: the profile `default`, as in the AWS CLI, or the
// environment where there is no such profile, as in a pipeline.
func unstatedConfig(ctx context.Context, file *accounts.File, base *accounts.Account, region string) (aws.Config, error) {
	if beginsInEnvironment(base) {
		return environmentConfig(ctx, base, region)
	}
	return profileConfig(ctx, file, base, accounts.DefaultProfile, region)
}

// beginsInEnvironment reports whether base takes the environment's credentials: as it says so, or as it says nothing and
// only the environment has any.
func beginsInEnvironment(base *accounts.Account) bool {
	if base.Credentials != nil {
		return base.Credentials.Environment
	}
	if userEnv("AWS_ACCESS_KEY_ID") == "" {
		return false
	}
	cfg, err := loadConfig(context.Background(), accounts.DefaultProfile, "")
	return err != nil || !hasCredentials(cfg)
}

func of(base *accounts.Account) string {
	if base.Name == "" {
		return ""
	}
	return base.Name + ": "
}

func environmentConfig(ctx context.Context, base *accounts.Account, region string) (aws.Config, error) {
	id, secret := userEnv("AWS_ACCESS_KEY_ID"), userEnv("AWS_SECRET_ACCESS_KEY")
	if id == "" || secret == "" {
		return aws.Config{}, hint.New(fmt.Errorf("%sno credentials in the environment", of(base)),
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or begin with a profile: \"credentials\": {\"profile\": \"default\"}")
	}
	return loadConfig(ctx, noProfile, region, config.WithCredentialsProvider(
		credentials.NewStaticCredentialsProvider(id, secret, userEnv("AWS_SESSION_TOKEN"))))
}

// instanceConfig takes the role of the container or instance that we run in: only an account that says so may.
func instanceConfig(ctx context.Context, region string) (aws.Config, error) {
	return loadConfig(ctx, noProfile, region, config.WithEC2IMDSClientEnableState(imds.ClientDefaultEnableState))
}

// The environment is one for the whole process: who changes it for a while has it alone.
var environment sync.Mutex

// changeEnv sets variables, or unsets those whose value is "", until restore is called.
func changeEnv(changes map[string]string) (restore func()) {
	environment.Lock()
	before := map[string]*string{}
	for name, value := range changes {
		before[name] = nil
		if old, set := os.LookupEnv(name); set {
			before[name] = &old
		}
		if value == "" {
			os.Unsetenv(name)
		} else {
			os.Setenv(name, value)
		}
	}
	return func() {
		for name, old := range before {
			if old == nil {
				os.Unsetenv(name)
			} else {
				os.Setenv(name, *old)
			}
		}
		environment.Unlock()
	}
}

// userEnv is a variable as the user has set it, whoever changes the environment just now.
func userEnv(name string) string {
	environment.Lock()
	defer environment.Unlock()
	return os.Getenv(name)
}

// webIdentityConfig takes the role that a token in a file opens, as Kubernetes and CI systems provide one. The file is read
// anew each time: its writer replaces it before it expires.
func webIdentityConfig(ctx context.Context, file *accounts.File, base *accounts.Account, region string) (aws.Config, error) {
	from := base.Credentials
	if _, err := os.Stat(from.WebIdentityTokenFile); err != nil {
		return aws.Config{}, hint.New(fmt.Errorf("%sthe web identity token file can't be read: %w", of(base), err),
			"check where the token is mounted, and \"web_identity_token_file\" in %s", file.Path)
	}
	cfg, err := loadConfig(ctx, noProfile, region, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	if err != nil {
		return cfg, err
	}
	cfg.Region = regionIn(partitionOf(base), cfg.Region)
	cfg.Credentials = stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(cfg), from.RoleARN, stscreds.IdentityTokenFile(from.WebIdentityTokenFile),
		func(o *stscreds.WebIdentityRoleOptions) {
			o.RoleSessionName = sessionName(base)
			o.Duration = base.EffectiveDuration()
		})
	return cfg, nil
}

// Whoever runs below us and comes back to the same base account, through a wrapper that we can't see through, would go
// round until the machine is full. This variable breaks the circle (99designs/aws-vault#1180).
const resolvingVariable = "AWS_ACCOUNTS_RESOLVING"

// resolving are the profiles that those above us are resolving just now.
var resolving = sync.OnceValue(func() []string {
	return strings.FieldsFunc(os.Getenv(resolvingVariable), func(r rune) bool { return r == '\n' }) // names may have blanks
})

func circle(file *accounts.File, base *accounts.Account, profile string) error {
	return hint.New(
		fmt.Errorf("%sthe profile %q it begins with calls aws-accounts itself", of(base), profile),
		"name a profile with credentials of its own in %s: \"credentials\": {\"profile\": \"…\"}", file.Path)
}

// inCircle refuses an account that begins with a profile which somebody above us is resolving. It is asked before a lock is
// taken: they hold it, and would wait for us while we wait for them.
func inCircle(file *accounts.File, a *accounts.Account) error {
	begins := a.Chain()[0]
	if profile := begins.Way().Profile; profile != "" && slices.Contains(resolving(), profile) {
		return circle(file, begins, profile)
	}
	return nil
}

// profileConfig loads an ordinary profile of ~/.aws, whatever AWS_PROFILE says, and refuses one that would call us again.
func profileConfig(ctx context.Context, file *accounts.File, base *accounts.Account, profile, region string) (aws.Config, error) {
	calls, err := profileCallsUs(profile)
	if err != nil {
		return aws.Config{}, err
	}
	if calls || slices.Contains(resolving(), profile) {
		return aws.Config{}, circle(file, base, profile)
	}

	slog.Debug("beginning with a profile", "profile", profile)
	cfg, err := loadConfig(ctx, profile, region)
	if role := sharedConfig(cfg).RoleARN; err == nil && cfg.Region == "" && role != "" {
		// The SDK assumes it itself, and asks nobody where: AWS would take the signature for a wrong one.
		cfg, err = loadConfig(ctx, profile, regionIn(partitionOf(&accounts.Account{RoleARN: role}), ""))
	}
	if _, missing := errors.AsType[config.SharedConfigProfileNotExistError](err); missing {
		return cfg, hint.New(fmt.Errorf("%s%w: there is no profile %q in ~/.aws", of(base), errNoCredentials, profile),
			"%s", elsewhere(profile, file))
	}
	if err != nil {
		return cfg, fmt.Errorf("%sloading profile %q: %w", of(base), profile, err)
	}
	if !hasCredentials(cfg) {
		return cfg, hint.New(fmt.Errorf("%s%w in profile %q of ~/.aws", of(base), errNoCredentials, profile),
			"%s", elsewhere(profile, file))
	}
	cfg.Credentials = guarded{cfg.Credentials, strings.Join(append(resolving(), profile), "\n")}
	return cfg, nil
}

func elsewhere(profile string, file *accounts.File) string {
	return fmt.Sprintf("run `aws configure --profile %s`, or name another profile in %s: \"credentials\": {\"profile\": \"…\"}", profile, file.Path)
}

// guarded marks the environment of what the SDK starts while it resolves the profile, and keeps our standard error from it.
type guarded struct {
	aws.CredentialsProvider
	resolving string
}

func (g guarded) Retrieve(ctx context.Context) (aws.Credentials, error) {
	changes := map[string]string{resolvingVariable: g.resolving}
	for _, name := range private.Variables {
		changes[name] = ""
	}
	defer changeEnv(changes)()
	defer unheard()()
	return g.CredentialsProvider.Retrieve(ctx)
}

// unheard takes standard error away from a credential_process that the SDK starts, to which it would give ours: our callers
// take what is there for ours, wait for all that hold it, and it may say a secret. The SDK offers no other way.
func unheard() (restore func()) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return func() {}
	}
	before := os.Stderr
	os.Stderr = null
	return func() {
		os.Stderr = before
		null.Close()
	}
}

// noProfile keeps the SDK away from ~/.aws, and with it from AWS_PROFILE.
const noProfile = ""

// loadConfig loads the SDK's configuration from one profile, or from the environment alone. Instance metadata isn't asked,
// neither for credentials nor for a region, unless an option says so.
func loadConfig(ctx context.Context, profile, region string, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	options = append([]func(*config.LoadOptions) error{
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled), config.WithLogger(quiet)}, options...)
	if profile == noProfile {
		// To the SDK it's an error if AWS_PROFILE, which mostly names the profile that started us, isn't in the files, of which
		// there are none here; and it would prefer keys and web identities of the environment to those of an instance.
		defer changeEnv(map[string]string{"AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
			"AWS_WEB_IDENTITY_TOKEN_FILE": ""})()
		options = append(options, config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}))
	} else {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// quiet takes what the SDK would write to standard error, which stays empty on success: C++ SDKs take it for output.
var quiet = logging.LoggerFunc(func(class logging.Classification, format string, args ...any) {
	slog.Debug("AWS SDK: "+fmt.Sprintf(format, args...), "class", class)
})

// hasCredentials reports whether the loaded profile says where its credentials come from. Without that the SDK goes on to
// container and instance metadata, which only an account that asks for it may use.
func hasCredentials(cfg aws.Config) bool {
	s := sharedConfig(cfg)
	return s.Credentials.HasKeys() || s.Source != nil || s.CredentialSource != "" || s.CredentialProcess != "" ||
		s.WebIdentityTokenFile != "" || s.LoginSession != "" || s.SSOAccountID != ""
}

// sharedConfig is what the files say of the profile that was loaded.
func sharedConfig(cfg aws.Config) config.SharedConfig {
	for _, source := range cfg.ConfigSources {
		if s, ok := source.(config.SharedConfig); ok {
			return s
		}
	}
	return config.SharedConfig{}
}

// profileCallsUs reads ~/.aws as it is now.
func profileCallsUs(profile string) (bool, error) {
	files, err := readAWSFiles()
	if err != nil {
		return false, err
	}
	_, calls := files.CallsUs(profile)
	return calls, nil
}

// readAWS reads one of the files of ~/.aws; without a home there are none.
func readAWS(where func() (string, error)) ([]byte, error) {
	path, err := where()
	if err != nil {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// unreadable is what readAWS says, with what to do about it.
func unreadable(path string, err error) error {
	return hint.New(fmt.Errorf("%s can't be read: %w", tilde(path), reason(err)), "%s", accounts.FileStep(err))
}
