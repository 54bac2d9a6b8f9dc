package process

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/place"
	"aws-accounts/internal/test/standin"
	"aws-accounts/process/protocol"
)

const (
	mainID = "123456789012"
	devID  = "987654321098"
	prodID = "555555555555"

	devRole  = "arn:aws:iam::987654321098:role/Admin"
	opsRole  = "arn:aws:iam::987654321098:role/Ops"
	prodRole = "arn:aws:iam::555555555555:role/Admin"
	mfaRole  = "arn:aws:iam::987654321098:role/OnlyWithMFA"
	hostRole = "arn:aws:iam::123456789012:role/Machine"

	device   = "arn:aws:iam::123456789012:mfa/me"
	startURL = "https://corp.awsapps.com/start"
	webToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.MARKSECRET"

	roleDev  = `{"name": "dev", "account_id": "` + devID + `", "role_arn": "` + devRole + `"}`
	roleProd = `{"name": "prod", "account_id": "` + prodID + `", "role_arn": "` + prodRole + `", "source": "dev"}`
	baseMain = `{"name": "main", "account_id": "` + mainID + `"}`
)

// desk is one person's computer: a home with ~/.aws, an accounts file and a keychain, an environment of its own,
// and an AWS that is as strict as the real one. Each call of resolver is another start of the program.
type desk struct {
	t    *testing.T
	aws  *standin.Server
	home string
	file string // the accounts file

	ahead    time.Duration // of this computer's clock, as the program reads it
	mfaCode  string        // of --mfa-code
	mu       sync.Mutex
	troubles []string
}

// newDesk returns one with the user's key in the default profile, and these accounts.
func newDesk(t *testing.T, list ...string) *desk {
	t.Helper()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	d := &desk{t: t, aws: standin.Start(t, world()), home: t.TempDir()}
	d.set(
		"HOME="+d.home,
		"USERPROFILE="+d.home,
		"XDG_CONFIG_HOME="+filepath.Join(d.home, "config"),
		"XDG_STATE_HOME="+filepath.Join(
			d.home,
			"state",
		),
		"LocalAppData="+filepath.Join(d.home, "state"),
		"AWS_REGION=eu-west-1",
	)
	d.set(d.aws.Env()...)
	key := d.aws.Key("me")
	d.write(".aws/credentials", "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
	d.file = filepath.Join(d.home, "config", "aws-accounts", "accounts.json")
	d.accounts(list...)
	return d
}

func world() standin.Config {
	trust := func(who ...string) standin.Trust { return standin.Trust{Principals: who} }
	return standin.Config{
		Users: []standin.User{{Account: mainID, Name: "me", MFA: []standin.MFADevice{{Serial: device}}}},
		Roles: []standin.Role{
			{ARN: devRole, Trust: trust(mainID), MaxSessionDuration: 12 * 3600},
			{ARN: opsRole, Trust: trust(mainID), MaxSessionDuration: 12 * 3600},
			{ARN: prodRole, Trust: trust(devRole, mainID), MaxSessionDuration: 12 * 3600},
			{ARN: mfaRole, Trust: standin.Trust{Principals: []string{mainID}, MFA: true}, MaxSessionDuration: 12 * 3600},
			{ARN: hostRole, Trust: standin.Trust{Principals: []string{mainID},
				WebIdentity: &standin.WebIdentityTrust{Issuer: "https://ci.example.com"}}},
		},
		WebIdentities: []standin.WebIdentity{
			{Token: webToken, Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com"},
		},
		Container: &standin.Container{Role: hostRole},
		Instance:  &standin.Instance{Role: hostRole},
		IdentityCenter: []standin.IdentityCenter{{StartURL: startURL, Region: "eu-west-1", Assignments: []standin.Assignment{
			{Account: devID, Role: "ReadOnly"}, {Account: devID, Role: "Admin"}}}},
	}
}

func (d *desk) set(variables ...string) {
	d.t.Helper()
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		d.t.Setenv(name, value)
	}
}

func (d *desk) write(name, format string, args ...any) (path string) {
	d.t.Helper()
	path = name
	if !filepath.IsAbs(name) {
		path = filepath.Join(d.home, filepath.FromSlash(name))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *desk) accounts(list ...string) {
	d.t.Helper()
	d.write(d.file, `{"accounts": [%s], "sso_sessions": [{"name": "corp", "start_url": "%s", "region": "eu-west-1"}]}`,
		strings.Join(list, ",\n"), startURL)
}

func (d *desk) now() time.Time { return time.Now().Add(d.ahead) }

func (d *desk) locks() string {
	d.t.Helper()
	dir, err := place.LocksOf(d.file)
	if err != nil {
		d.t.Fatal(err)
	}
	return dir
}

// resolver is put together as package wire does it.
func (d *desk) resolver() *Resolver {
	d.t.Helper()
	keychain, err := place.FileKeychain()
	if err != nil {
		d.t.Fatal(err)
	}
	shared, err := place.Locks()
	if err != nil {
		d.t.Fatal(err)
	}
	log, err := place.AccessLog()
	if err != nil {
		d.t.Fatal(err)
	}
	asker := &ask.Asker{Never: true}
	return &Resolver{
		Accounts: accounts.NewReader(d.file, d.locks()),
		Sessions: &cache.Sessions{
			Keychain: cache.OpenKeychain(cache.KeychainConfig{Backend: "file", Dir: keychain, Owner: place.Owner(d.file),
				Passphrase: func(_ context.Context, s cache.Safe) error {
					_, err := s.Open("CORRECTHORSEBATTERYSTAPLEZ", false)
					return err
				}}),
			Variant: protocol.Variant(), Dir: d.locks(), Now: d.now,
			Report: func(account string, err error) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.troubles = append(d.troubles, account+": "+err.Error())
			},
		},
		Log: &AccessLog{Path: log, Caller: func() string { return "test" }, Now: d.now},
		MFA: &MFA{Asker: asker, Code: d.mfaCode, Dir: shared, Now: d.now},
		SSO: &SSO{Asker: asker, Unattended: true},
	}
}

// get is what a caller of `process NAME` gets.
func (d *desk) get(name string) (aws.Credentials, error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	return d.resolver().Session(name).Retrieve(ctx)
}

// must is get where nothing is in the way.
func (d *desk) must(name string) aws.Credentials {
	d.t.Helper()
	c, err := d.get(name)
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	return c
}

// refuses is get where there must be no credentials, but an error that says this.
func (d *desk) refuses(name, says, hints string) {
	d.t.Helper()
	c, err := d.get(name)
	expect(d.t, err, says, hints)
	if c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SessionToken != "" {
		d.t.Errorf("%s: credentials came with the error", name)
	}
	d.keepsSecrets(err)
}

// keepsSecrets fails if a secret of AWS's is in the error, or in the access log.
func (d *desk) keepsSecrets(err error) {
	d.t.Helper()
	path, _ := place.AccessLog()
	log, _ := os.ReadFile(path)
	for _, secret := range append(d.aws.Secrets(), d.aws.Marker()) {
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) || strings.Contains(string(log), secret) {
			d.t.Errorf("a secret is told")
		}
	}
}

// calls fails unless AWS has been asked so often for the operation.
func (d *desk) calls(operation string, want int) {
	d.t.Helper()
	if got := d.aws.Calls(operation); got != want {
		d.t.Errorf("AWS was asked %d times for %s, want %d", got, operation, want)
	}
}

// param is a parameter of the last call of an operation.
func (d *desk) param(operation, name string) string {
	d.t.Helper()
	value := ""
	for _, call := range d.aws.Log() {
		if call.Operation == operation {
			value = call.Params.Get(name)
		}
	}
	return value
}

// stored is the session in the keychain.
func (d *desk) stored(name string) *item.Session {
	d.t.Helper()
	s, err := d.resolver().Sessions.Load(d.t.Context(), name)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// age lets the stored session of each account grow old: it is still valid, but not fresh.
func (d *desk) age(names ...string) {
	d.t.Helper()
	for _, name := range names {
		s := d.stored(name)
		s.Issued, s.Expiration = s.Issued.Add(-50*time.Minute), s.Expiration.Add(-50*time.Minute)
		d.keep(name, s)
	}
}

// keep stores a session.
func (d *desk) keep(name string, s *item.Session) {
	d.t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		d.t.Fatal(err)
	}
	sessions := d.resolver().Sessions
	if err := sessions.Keychain.Keep(d.t.Context(), item.SessionKey(name, sessions.Variant), data); err != nil {
		d.t.Fatal(err)
	}
}

// helperVariable has this test binary started as something else than a test.
const helperVariable = "PROCESS_TEST_HELPER"

func TestMain(m *testing.M) {
	if as := os.Getenv(helperVariable); as != "" {
		helper(as)
		return
	}
	os.Exit(m.Run())
}

// helper is a credential_process, or an mfa_process. It reports what it was given.
func helper(as string) {
	var said struct {
		Print, Complain string
		Status          int
	}
	if data, err := os.ReadFile(as); err != nil || json.Unmarshal(data, &said) != nil {
		fmt.Println("the helper isn't told what to do:", err)
		os.Exit(99)
	}
	environment, _ := json.Marshal(os.Environ())
	os.WriteFile(as+".environment", environment, 0o600)
	fmt.Fprint(os.Stderr, said.Complain)
	fmt.Print(said.Print)
	os.Exit(said.Status)
}

// command is one that prints something, complains of something, and ends with a status.
func (d *desk) command(prints, complains string, status int) string {
	d.t.Helper()
	plan, err := json.Marshal(map[string]any{"Print": prints, "Complain": complains, "Status": status})
	if err != nil {
		d.t.Fatal(err)
	}
	d.set(helperVariable + "=" + d.write("helper.json", "%s", plan))
	exe, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	return exe
}

// helperEnvironment is what the last command had.
func (d *desk) helperEnvironment() map[string]string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.home, "helper.json.environment"))
	var entries []string
	if err == nil {
		err = json.Unmarshal(data, &entries)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	variables := map[string]string{}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return variables
}

// everythingBelow is the content of all files in a folder of the home.
func (d *desk) everythingBelow(folder string) string {
	d.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(d.home, folder), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all.String()
}

func debugged(v any) string { return fmt.Sprintf("%v %+v %#v\n", v, v, v) }

func trusting(role string, principals ...string) standin.Role {
	return standin.Role{ARN: role, Trust: standin.Trust{Principals: principals}, MaxSessionDuration: 12 * 3600}
}

// signIn signs the person in to Identity Center with a device code, and returns the token, the client and its secret.
func (d *desk) signIn() (token, id, secret string) {
	d.t.Helper()
	client := ssooidc.New(ssooidc.Options{Region: "eu-west-1", BaseEndpoint: aws.String(d.aws.URL())})
	registered, err := client.RegisterClient(d.t.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("test"),
		ClientType: aws.String("public"), Scopes: []string{"sso:account:access"}})
	if err != nil {
		d.t.Fatal(err)
	}
	begun, err := client.StartDeviceAuthorization(d.t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, StartUrl: aws.String(startURL)})
	if err == nil {
		err = d.aws.ApproveDevice(*begun.UserCode)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := client.CreateToken(d.t.Context(), &ssooidc.CreateTokenInput{ClientId: registered.ClientId,
		ClientSecret: registered.ClientSecret, DeviceCode: begun.DeviceCode,
		GrantType: aws.String("urn:ietf:params:oauth:grant-type:device_code")})
	if err != nil {
		d.t.Fatal(err)
	}
	return *got.AccessToken, *registered.ClientId, *registered.ClientSecret
}

// signInWithTheCLI leaves what `aws sso login` leaves.
func (d *desk) signInWithTheCLI() {
	d.t.Helper()
	token, _, _ := d.signIn()
	sum := sha1.Sum([]byte("corp"))
	d.write(".aws/sso/cache/"+hex.EncodeToString(sum[:])+".json", `{"accessToken": "%s", "expiresAt": "%s"}`, token,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// signInHere leaves what our own sign-in leaves.
func (d *desk) signInHere() {
	d.t.Helper()
	token, id, secret := d.signIn()
	data, err := json.Marshal(map[string]any{"layout": 1, "session": "corp", "start_url": startURL, "region": "eu-west-1",
		"scopes": []string{
			"sso:account:access",
		}, "client_id": id, "client_secret": secret, "client_expires": time.Now().Add(time.Hour),
		"access_token": token, "issued": time.Now(), "expires": time.Now().Add(time.Hour)})
	if err != nil {
		d.t.Fatal(err)
	}
	s := d.resolver().Sessions
	key := strings.TrimSuffix("sso/corp/"+s.Variant, "/")
	if err := s.Keychain.Keep(d.t.Context(), key, data); err != nil {
		d.t.Fatal(err)
	}
}
