package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/awslogin"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/note"
	"aws-accounts/internal/private"
	"aws-accounts/internal/route"
)

// ErrNoCredentials is of a profile that doesn't say where its credentials come from.
var ErrNoCredentials = errors.New("no credentials")

// origin returns the provider of what the route begins with: one of the SDK's, for the way that the origin says. It asks nobody yet.
func (r *Resolver) origin(ctx context.Context, way *route.Route, failFast bool) (aws.CredentialsProvider, error) {
	o, hop := &way.Origin, way.First()
	slog.Debug("credentials begin", "account", hop.Account.Name, "kind", o.Kind, "profile", o.Profile)
	provider, err := r.source(ctx, o, hop, failFast)
	if err != nil {
		return nil, err
	}
	provider = aws.NewCredentialsCache(provider)
	for _, role := range o.Roles {
		provider = aws.NewCredentialsCache(r.profileRole(ctx, hop, role, provider, failFast))
	}
	return provider, nil
}

// profileRole provides the credentials of a role that a profile of ~/.aws assumes, with an MFA code where the profile
// says so.
func (r *Resolver) profileRole(ctx context.Context, hop *route.Hop, role route.ProfileRole,
	source aws.CredentialsProvider, failFast bool,
) aws.CredentialsProvider {
	base := hop.Account
	var sent delivery
	takeBack := func() {}
	cfg := sent.watched(hop.Settings.Config(route.PartitionOf(&accounts.Account{RoleARN: role.ARN}), source, failFast))
	client := STSOf(cfg, &hop.Settings)
	provider := stscreds.NewAssumeRoleProvider(client, role.ARN, func(options *stscreds.AssumeRoleOptions) {
		options.RoleSessionName, options.Duration = role.SessionName, role.Duration
		if options.RoleSessionName == "" {
			options.RoleSessionName = route.SessionName(base)
		}
		options.ExternalID = optional(role.ExternalID)
		if role.MFASerial != "" {
			options.SerialNumber = aws.String(role.MFASerial)
			options.TokenProvider = func() (string, error) {
				device := base.File().Entry(accounts.Account{Name: base.Name, MFASerial: role.MFASerial})
				code, _, err := r.MFA.code(ctx, device, base.Name, "")
				if err == nil {
					sent, takeBack = delivery{}, r.MFA.noteUsed(role.MFASerial, code)
				}
				return code, err
			}
		}
	})
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		credentials, err := provider.Retrieve(ctx)
		if !sent.spent {
			takeBack()
		}
		takeBack = func() {}
		return credentials, err
	})
}

func (r *Resolver) source(ctx context.Context, o *route.Origin, hop *route.Hop, failFast bool) (aws.CredentialsProvider, error) {
	base := hop.Account
	cfg := hop.Settings.Config(hop.Partition, aws.AnonymousCredentials{}, failFast)
	switch o.Kind {
	case route.FromKey:
		return Static(aws.Credentials{AccessKeyID: o.KeyID, SecretAccessKey: o.Secret, SessionToken: o.Token}), nil
	case route.FromEnvironment:
		if o.KeyID == "" || o.Secret == "" {
			return nil, hint.New(fmt.Errorf("%sno credentials in the environment", of(base)),
				"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or begin with a profile: \"credentials\": {\"profile\": \"default\"}")
		}
		c := aws.Credentials{AccessKeyID: o.KeyID, SecretAccessKey: o.Secret, SessionToken: o.Token}
		if o.Token != "" && !o.Expires.IsZero() { // as `exec` says, or another tool that AWS_CREDENTIAL_EXPIRATION is from
			c.CanExpire, c.Expires = true, o.Expires
		}
		if c.CanExpire && !o.Expires.After(r.Sessions.Now()) {
			return nil, hint.New(fmt.Errorf("%sthe credentials in the environment have expired", of(base)), renewEnvironment)
		}
		return Static(c), nil
	case route.FromKeychain:
		keys, err := r.Sessions.Keychain.LoadKeys(ctx, base.Name)
		if err != nil {
			return nil, ExplainItem(err, base)
		}
		return Static(keys.Credentials(keys.Current)), nil
	case route.FromProcess:
		provider := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
			return r.credentialProcess(ctx, o), nil
		}))
		return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			note.Remove(r.Sessions.Dir, circleNote(o.Profile))
			credentials, err := provider.Retrieve(ctx)
			if cameBack := false; err != nil && note.Read(r.Sessions.Dir, circleNote(o.Profile), &cameBack) {
				err = circle(base, o.Profile)
			}
			return credentials, err
		}), nil
	case route.FromWebIdentity:
		return webIdentity(o, hop, cfg)
	case route.FromSSO:
		cfg.Region = o.Region
		options := []func(*ssocreds.Options){}
		if o.Session != "" {
			path, err := ssocreds.StandardCachedTokenFilepath(o.Session)
			if err != nil {
				return nil, err
			}
			options = append(options, func(options *ssocreds.Options) {
				options.CachedTokenFilepath = path
				options.SSOTokenProvider = ssocreds.NewSSOTokenProvider(ssooidc.NewFromConfig(cfg), path)
			})
		}
		return ssocreds.New(sso.NewFromConfig(cfg), o.AccountID, o.RoleName, o.StartURL, options...), nil
	case route.FromLogin:
		return &awslogin.Provider{Session: o.Login, Config: cfg, Region: o.LoginRegion,
			Locks: r.MFA.Dir, Now: r.Sessions.Now, Report: r.Report(base.Name)}, nil
	case route.FromContainer:
		provider, err := containerProvider(o, cfg)
		return provider, about(base, err)
	case route.FromInstance:
		provider, err := instanceProvider(o, cfg)
		return provider, about(base, err)
	}
	if o.Why != nil {
		return nil, explainOrigin(o.Why, base)
	}
	return nil, hint.New(fmt.Errorf("%s%w in profile %q of ~/.aws", of(base), ErrNoCredentials, o.Profile), "%s", elsewhere(o.Profile, base))
}

func of(base *accounts.Account) string {
	if base.Name == "" {
		return ""
	}
	return base.Name + ": "
}

// ExplainItem says what to do about an item that can't be read.
func ExplainItem(err error, a *accounts.Account) error {
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return hint.New(fmt.Errorf("%s: no access key in the keychain", a.Name), "`aws-accounts keys add %s` puts one there", a.Name)
	case errors.Is(err, cache.ErrCorrupt):
		return hint.New(fmt.Errorf("%s: reading its access key: %w", a.Name, err), "`aws-accounts keys add %s --replace` puts a whole one in its place", a.Name)
	}
	err = fmt.Errorf("%s: reading its access key: %w", a.Name, err)
	if errors.Is(err, cache.ErrUnavailable) && (hint.Of(err) == "" || hint.Of(err) == cache.AnotherKeychain) { // which doesn't have it
		return hint.New(err, "see to it that this keychain answers, or put the key into another: `AWS_ACCOUNTS_KEYCHAIN=file aws-accounts keys add %s`", a.Name)
	}
	return err
}

// explainOrigin says what to do where a profile isn't there.
func explainOrigin(err error, base *accounts.Account) error {
	if missing, ok := errors.AsType[route.NoProfile](err); ok {
		return hint.New(fmt.Errorf("%s%w: %w", of(base), ErrNoCredentials, err), "%s", elsewhere(missing.Profile, base))
	}
	return about(base, err)
}

// about puts the account before an error that has a next step, which stays.
func about(base *accounts.Account, err error) error {
	if err == nil || base.Name == "" || hint.Of(err) == "" {
		return err
	}
	return hint.New(fmt.Errorf("%s%w", of(base), err), "%s", hint.Of(err)) // Explain returns what has a hint, and no more
}

func elsewhere(profile string, base *accounts.Account) string {
	return fmt.Sprintf("run `aws configure --profile %s`, or name another profile in %s: \"credentials\": {\"profile\": \"…\"}", hint.Word(profile), base.File().Path)
}

// Whoever runs below us and comes back to the same base account, through a wrapper that we can't see through, would go
// round until the machine is full. This variable breaks the circle (99designs/aws-vault#1180).
const resolvingVariable = "AWS_ACCOUNTS_RESOLVING"

// resolving are the profiles that those above us are resolving just now.
func resolving() []string {
	return strings.FieldsFunc(os.Getenv(resolvingVariable), func(r rune) bool { return r == '\n' }) // names may have blanks
}

// inCircle refuses a route that begins with a profile which calls us, or that somebody above us is resolving. It is asked before a
// lock is taken: they hold it, and would wait for us while we wait for them. They don't see what we say, so it is noted for them.
func (r *Resolver) inCircle(routes *route.Table, way *route.Route) error {
	o, base := &way.Origin, way.First().Account
	above := slices.Contains(resolving(), o.Profile)
	if o.Profile == "" || !routes.CallsUs(o.Profile) && !above {
		return nil
	}
	if above {
		note.Write(r.Sessions.Dir, circleNote(o.Profile), true)
	}
	return circle(base, o.Profile)
}

func circleNote(profile string) string { return noteAbout("circle", profile) }

func circle(base *accounts.Account, profile string) error {
	return hint.New(fmt.Errorf("%sthe profile %q it begins with calls aws-accounts itself", of(base), profile),
		"name a profile with credentials of its own in %s: \"credentials\": {\"profile\": \"…\"}", base.File().Path)
}

// credentialProcess is the command of a profile. It has neither what opens our keychain nor our standard error: our callers take what is
// there for ours, wait for all that hold it, and it may say a secret.
func (r *Resolver) credentialProcess(ctx context.Context, o *route.Origin) *exec.Cmd {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd.exe", "/C"}
	}
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], o.Command)...)
	cmd.Env = append(private.Environment(), resolvingVariable+"="+strings.Join(append(resolving(), o.Profile), "\n"))
	if r.likeSDK {
		cmd.Env = os.Environ()
	}
	cmd.Stdin = os.Stdin
	return cmd
}

// webIdentity takes the role that a token in a file opens, as Kubernetes and CI systems provide one. The file is read anew each
// time: its writer replaces it before it expires.
func webIdentity(o *route.Origin, hop *route.Hop, cfg aws.Config) (aws.CredentialsProvider, error) {
	if _, err := os.Stat(o.TokenFile); err != nil {
		where := fmt.Sprintf("\"web_identity_token_file\" in %s", hop.Account.File().Path)
		if o.Profile != "" {
			where = fmt.Sprintf("web_identity_token_file of profile %s in ~/.aws", hint.Word(o.Profile))
		}
		return nil, hint.New(fmt.Errorf("%sthe web identity token file can't be read: %w", of(hop.Account), err),
			"check where the token is mounted, and %s", where)
	}
	partition := route.PartitionOf(&accounts.Account{RoleARN: o.RoleARN})
	client := newSTS(&hop.Settings, partition, cfg.Credentials, false)
	return stscreds.NewWebIdentityRoleProvider(client, o.RoleARN, stscreds.IdentityTokenFile(o.TokenFile), func(options *stscreds.WebIdentityRoleOptions) {
		options.RoleSessionName, options.Duration = o.SessionName, o.Duration
		if options.RoleSessionName == "" {
			options.RoleSessionName = route.SessionName(hop.Account)
		}
	}), nil
}

func containerProvider(o *route.Origin, cfg aws.Config) (aws.CredentialsProvider, error) {
	if err := checkContainer(o.Address); err != nil {
		return nil, err
	}
	return endpointcreds.New(o.Address, func(options *endpointcreds.Options) {
		options.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if path := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
			options.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(path)
				return string(token), err
			})
		}
		options.Retryer = cfg.Retryer()
		// As botocore has it: the address is this machine's affair, and a proxy would be told the token.
		options.HTTPClient = awshttp.NewBuildableClient().WithTimeout(route.CallTimeout).
			WithTransportOptions(func(t *http.Transport) { t.Proxy = nil })
	}), nil
}

func instanceProvider(o *route.Origin, cfg aws.Config) (aws.CredentialsProvider, error) {
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return nil, hint.New(errors.New("the instance metadata, where credentials begin, is switched off: AWS_EC2_METADATA_DISABLED is true"),
			"`unset AWS_EC2_METADATA_DISABLED`")
	}
	u, err := url.Parse(o.Address)
	if o.Address != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return nil, hint.New(errors.New("AWS_EC2_METADATA_SERVICE_ENDPOINT: it is no address, like http://169.254.169.254"),
			"`unset AWS_EC2_METADATA_SERVICE_ENDPOINT`, or correct it")
	}
	options := imds.Options{Endpoint: o.Address, ClientEnableState: imds.ClientEnabled, Retryer: cfg.Retryer()}
	if mode := os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"); mode != "" {
		if err := options.EndpointMode.SetFromString(mode); err != nil {
			return nil, hint.New(fmt.Errorf("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: %q can be IPv4 or IPv6", mode),
				"`unset AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`")
		}
	}
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_V1_DISABLED"), "true") {
		options.EnableFallback = aws.FalseTernary
	}
	return ec2rolecreds.New(func(ec2 *ec2rolecreds.Options) { ec2.Client = imds.New(options) }), nil
}

// checkContainer refuses an address that credentials must not be asked of without encryption: only this machine's and those of ECS
// and EKS, as all SDKs have it.
func checkContainer(address string) error {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == "https" && u.Host != "" || u.Scheme == "http" && machineHost(u.Hostname())) {
		return nil
	}
	return hint.New(errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI: it is not an address that credentials may be asked of: https, or http on this machine or of ECS and EKS"),
		"`unset AWS_CONTAINER_CREDENTIALS_FULL_URI`, or set it to the address that the container was given")
}

func machineHost(host string) bool {
	addresses := []string{host}
	if net.ParseIP(host) == nil {
		var err error
		if addresses, err = net.LookupHost(host); err != nil || len(addresses) == 0 {
			return false
		}
	}
	return !slices.ContainsFunc(addresses, func(a string) bool {
		ip := net.ParseIP(a)
		return ip == nil || !ip.IsLoopback() && !slices.Contains([]string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}, ip.String())
	})
}

// newSTS is a client of STS with the settings of a hop, in a partition.
func newSTS(s *route.Settings, partition string, provider aws.CredentialsProvider, failFast bool) *sts.Client {
	return STSOf(s.Config(partition, provider, failFast), s)
}

// STSOf is a client of STS with a configuration that comes from s.
func STSOf(cfg aws.Config, s *route.Settings) *sts.Client {
	return sts.NewFromConfig(cfg, func(o *sts.Options) { o.Region = s.STSRegion(o.Region) })
}
