package process

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/private"
	"aws-accounts/internal/route"
	"aws-accounts/process/protocol"
)

// A profile that calls us, directly or through its source, is no base: the guard answers before anything is run,
// and before a lock is taken. Somebody above us may hold the lock, and wait for us.
func TestAProfileThatCallsUsIsRefused(t *testing.T) {
	ours := "credential_process = /usr/local/bin/aws-accounts process dev\n"
	wrapper := "credential_process = /usr/local/bin/my-wrapper\n"
	for name, c := range map[string]struct{ config, above, account string }{
		"it calls us":    {"[profile base]\n" + ours, "", "dev"},
		"the base alone": {"[profile base]\n" + ours, "", "main"},
		"its source calls us": {"[profile base]\nrole_arn = " + opsRole + "\nsource_profile = x\n[profile x]\n" +
			ours, "", "dev"},
		"somebody above resolves it":  {"[profile base]\n" + wrapper, "base", "dev"},
		"… with another":              {"[profile base]\n" + wrapper, "my other\nbase", "dev"},
		"… and has AWS_PROFILE of it": {"[profile base]\n" + wrapper, "base", "main"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"profile": "base"}}`, roleDev)
			d.write(".aws/config", "%s", c.config)
			d.set("AWS_PROFILE=base", resolvingVariable+"="+c.above)
			for _, account := range []string{"main", "dev"} { // the one above us holds these
				release, err := lock.Acquire(t.Context(), d.locks(), account+"="+protocol.Variant())
				if err != nil {
					t.Fatal(err)
				}
				defer release()
			}
			ctx, leave := context.WithCancel(t.Context())
			leave() // whoever waits for the lock gives up at once
			_, err := d.resolver().Session(c.account).Retrieve(ctx)
			expect(
				t,
				err,
				`main: the profile "base" it begins with calls aws-accounts itself`,
				"name a profile with credentials of its own",
			)
			d.calls("*", 0)
		})
	}
}

// A profile that somebody above us resolves is none of our business if we begin elsewhere: its name may only
// contain ours.
func TestTheGuardKnowsProfilesByTheirWholeName(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.set(resolvingVariable + "=my default\ndefault2")
	d.must("dev")
}

// A profile's own command has what our environment has, but neither what opens the keychain nor our standard
// error; and it is told what is being resolved, so that it can't come back to us.
func TestACredentialProcessHasNoSecretOfOurs(t *testing.T) {
	d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"profile": "base"}}`, roleDev)
	key := d.aws.Key("me")
	command := d.command(
		`{"Version": 1, "AccessKeyId": "`+key.ID+`", "SecretAccessKey": "`+key.Secret+`"}`,
		"SESAME on stderr",
		0,
	)
	d.write(".aws/config", "[profile base]\ncredential_process = %s\n", command)
	d.set(private.Passphrase+"=SESAME", private.ServeToken+"=SESAME", resolvingVariable+"=the one above", "HARMLESS=kept")
	stderr := captureStderr(t)
	c := d.must("dev")
	if c.AccountID != devID {
		t.Errorf("credentials of account %s", c.AccountID)
	}
	got := d.helperEnvironment()
	for _, name := range private.Variables {
		if _, there := got[name]; there {
			t.Errorf("it has %s", name)
		}
	}
	if got["HARMLESS"] != "kept" || got["HOME"] != d.home {
		t.Error("it lacks what is none of our secrets")
	}
	if got[resolvingVariable] != "the one above\nbase" {
		t.Errorf("it is told that %q is being resolved", got[resolvingVariable])
	}
	if said := stderr(); said != "" {
		t.Errorf("our standard error says %q", said)
	}
}

// captureStderr puts a file in the place of standard error, and returns what tells its content.
func captureStderr(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = before; file.Close() })
	return func() string {
		data, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

// Whatever a credential_process writes before it fails is told to nobody: neither in the error, nor in what is
// kept of it, nor in the log.
func TestWhatACredentialProcessWritesIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		prints string
		status int
	}{
		"half a document":  {`{"Version": 1, "SecretAccessKey": "SESAME`, 0},
		"no document":      {"SESAME", 0},
		"another version":  {`{"Version": 2, "SecretAccessKey": "SESAME"}`, 0},
		"no key":           {`{"Version": 1, "SecretAccessKey": "SESAME"}`, 0},
		"a failure":        {"SESAME", 3},
		"a number too big": {`{"Version": 1, "AccessKeyId": "SESAME", "SecretAccessKey": 5}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"profile": "base"}}`, roleDev)
			d.write(
				".aws/config",
				"[profile base]\ncredential_process = %s\n",
				d.command(c.prints, "SESAME on stderr", c.status),
			)
			stderr := captureStderr(t)
			_, err := d.get("dev")
			expect(t, err, `dev: the credential_process of profile "base", which everything begins with, failed`,
				"aws sts get-caller-identity --profile base")
			told := stderr() + everythingOf(err) + d.everythingBelow("state")
			if strings.Contains(told, "SESAME") {
				t.Errorf("told: %s", told)
			}
		})
	}
}

// everythingOf is all that can be got out of an error.
func everythingOf(err error) string {
	var all strings.Builder
	for at := err; at != nil; at = errors.Unwrap(at) {
		all.WriteString(debugged(at))
	}
	return all.String()
}

// A role that a credential_process's session assumes lasts an hour at most, which only its answer shows; one that
// its long-term key assumes, or an instance's role, lasts as long as the file says.
func TestDurationsAreWhatAWSAllows(t *testing.T) {
	profile := `{"name": "main", "account_id": "` + mainID + `", "credentials": {"profile": "base"}}`
	long := strings.Replace(roleDev, `"name"`, `"duration": "2h", "name"`, 1)
	document := func(id, secret, token string) string {
		return `{"Version": 1, "AccessKeyId": "` + id + `", "SecretAccessKey": "` + secret + `", "SessionToken": "` +
			token + `"}`
	}
	for name, c := range map[string]struct {
		base string
		set  func(d *desk)
		want string // seconds
	}{
		"a process with a key": {profile, func(d *desk) {
			key := d.aws.Key("me")
			d.write(".aws/config", "[profile base]\ncredential_process = %s\n",
				d.command(document(key.ID, key.Secret, ""), "", 0))
		}, "7200"},
		"a process with a session": {profile, func(d *desk) {
			d.write(".aws/config", "[profile base]\ncredential_process = %s\n",
				d.command(document(d.aws.Issue(hostRole, "me")), "", 0))
		}, "3600"},
		"a key in the environment": {`{"name": "main", "credentials": {"environment": true}}`, func(d *desk) {
			d.set(d.aws.KeyEnv("me")...)
		}, "7200"},
		"a session in the environment": {`{"name": "main", "credentials": {"environment": true}}`, func(d *desk) {
			id, secret, token := d.aws.Issue(hostRole, "me")
			d.set("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
		}, "3600"},
		"a session in ~/.aws": {profile, func(d *desk) {
			id, secret, token := d.aws.Issue(hostRole, "me")
			d.write(".aws/credentials", "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n",
				id, secret, token)
		}, "3600"},
		"a profile's role": {profile, func(d *desk) {
			d.write(".aws/config", "[profile base]\nrole_arn = %s\nsource_profile = default\n", hostRole)
		}, "3600"},
		"a container": {`{"name": "main", "credentials": {"instance": true}}`, func(d *desk) {
			d.set(d.aws.ContainerEnv()...)
		}, "7200"},
		"an instance": {`{"name": "main", "credentials": {"instance": true}}`, func(d *desk) {
			d.set(d.aws.InstanceEnv()...)
		}, "7200"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.base, long)
			c.set(d)
			// The stand-in takes an instance's role for any other; the real AWS gives it the whole duration.
			_, err := d.get("dev")
			if got := d.param("AssumeRole", "DurationSeconds"); got != c.want {
				t.Errorf("AWS was asked for %s seconds, want %s (%v)", got, c.want, err)
			}
		})
	}
}

// Credentials begin in each way that the accounts file and ~/.aws know, and are those of the account that they
// should be of.
func TestOriginsGiveCredentials(t *testing.T) {
	profile := `{"name": "main", "account_id": "` + mainID + `", "credentials": {"profile": "base"}}`
	for name, c := range map[string]struct {
		base string
		set  func(d *desk)
	}{
		"a profile's role with MFA": {profile, func(d *desk) {
			d.write(".aws/config", "[profile base]\nrole_arn = %s\nsource_profile = default\nmfa_serial = %s\n", hostRole,
				device)
			d.mfaCode = d.aws.MFACode(device)
		}},
		"a web identity": {`{"name": "main", "account_id": "` + mainID +
			`", "credentials": {"web_identity_token_file": "TOKEN", "role_arn": "` +
			hostRole + `"}}`, func(d *desk) {}},
		"a profile's web identity": {profile, func(d *desk) {
			d.write(".aws/config", "[profile base]\nrole_arn = %s\nweb_identity_token_file = %s\n", hostRole,
				filepath.Join(d.home, "token"))
		}},
		"a container, whose token is in a file": {`{"name": "main", "credentials": {"instance": true}}`, func(d *desk) {
			d.set(d.aws.ContainerEnv()...)
			d.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+d.write("container-token", "%s",
				os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")),
				"AWS_CONTAINER_AUTHORIZATION_TOKEN=")
		}},
		"an instance, by version 2 alone": {`{"name": "main", "credentials": {"instance": true}}`, func(d *desk) {
			d.set(d.aws.InstanceEnv()...)
			d.set("AWS_EC2_METADATA_V1_DISABLED=true", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv4")
		}},
		"a sign-in of the AWS CLI": {profile, func(d *desk) {
			d.write(".aws/config", "[profile base]\nsso_session = corp\nsso_account_id = %s\nsso_role_name = Admin\n"+
				"[sso-session corp]\nsso_start_url = %s\nsso_region = eu-west-1\n", devID, startURL)
			d.signInWithTheCLI()
			d.aws.PutRole(trusting(devRole, devID))
			d.accounts(`{"name": "main", "account_id": "`+devID+`", "credentials": {"profile": "base"}}`, roleDev)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			token := d.write("token", "%s", webToken)
			d.accounts(strings.Replace(c.base, "TOKEN", filepath.ToSlash(token), 1), roleDev)
			c.set(d)
			if got := d.must("dev"); got.AccountID != devID || got.SessionToken == "" {
				t.Errorf("credentials of account %q", got.AccountID)
			}
			d.keepsSecrets(nil)
		})
	}
}

// What credentials begin with may be missing or wrong: one sentence, and a next step. Nobody is asked for credentials.
func TestOriginsThatGiveNone(t *testing.T) {
	for name, c := range map[string]struct {
		base        string
		set         []string
		says, hints string
	}{
		"an empty environment": {`{"name": "main", "credentials": {"environment": true}}`, nil,
			"main: no credentials in the environment", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"half a key in it": {`{"name": "main", "credentials": {"environment": true}}`,
			[]string{"AWS_ACCESS_KEY_ID=AKIAEXAMPLE"},
			"main: no credentials in the environment", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"no profile": {`{"name": "main", "credentials": {"profile": "gone"}}`, nil,
			`main: no credentials: there is no profile "gone" in ~/.aws`, "run `aws configure --profile gone`"},
		"an empty profile": {`{"name": "main", "credentials": {"profile": "empty"}}`, nil,
			`main: no credentials in profile "empty" of ~/.aws`, "run `aws configure --profile empty`"},
		"a wrong profile": {`{"name": "main", "credentials": {"profile": "wrong"}}`, nil,
			`main: profile "wrong" (line 3 of `, "correct that profile"},
		"no key in the keychain": {`{"name": "main", "credentials": {"keychain": true}}`, nil,
			"main: no access key in the keychain", "`aws-accounts keys add main` puts one there"},
		"no token": {
			`{"name": "main", "credentials": {"web_identity_token_file": "/gone", "role_arn": "` + hostRole + `"}}`, nil,
			"main: the web identity token file can't be read", `"web_identity_token_file"`},
		"no token, of a profile": {`{"name": "main", "credentials": {"profile": "web"}}`, nil,
			"main: the web identity token file can't be read", "web_identity_token_file of profile web in ~/.aws"},
		"a container elsewhere": {`{"name": "main", "credentials": {"instance": true}}`,
			[]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://0.0.0.0:1/credentials", "AWS_MAX_ATTEMPTS=1"},
			"main: AWS_CONTAINER_CREDENTIALS_FULL_URI: it is not an address that credentials may be asked of",
			"unset AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		"metadata switched off": {`{"name": "main", "credentials": {"instance": true}}`,
			[]string{"AWS_EC2_METADATA_DISABLED=true"},
			"AWS_EC2_METADATA_DISABLED is true", "unset AWS_EC2_METADATA_DISABLED"},
		"metadata by no protocol": {`{"name": "main", "credentials": {"instance": true}}`,
			[]string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5"},
			`AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv5" can be IPv4 or IPv6`,
			"unset AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"},
		"a sign-in that isn't there": {`{"name": "main", "credentials": {"profile": "sso"}}`, nil,
			"main: profile sso is not signed in", "run `aws sso login --profile sso`"},
		"a console sign-in that isn't there": {`{"name": "main", "credentials": {"profile": "login"}}`, nil,
			"main: profile login is not signed in", "run `aws login --profile login`"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.base, roleDev)
			d.write(".aws/config", "[profile empty]\nregion = eu-west-1\n[profile wrong]\nsource_profile = default\n"+
				"[profile sso]\nsso_start_url = %s\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = x\n"+
				"[profile login]\nlogin_session = arn:aws:iam::1:user/me\n"+
				"[profile web]\nrole_arn = "+hostRole+"\nweb_identity_token_file = /gone\n", startURL)
			d.set(c.set...)
			for _, account := range []string{"main", "dev"} {
				d.refuses(account, c.says, c.hints)
			}
			d.calls("*", 0)
		})
	}
}

// What AWS has against the web identity of a profile is said of that account, role and file, whichever account was asked for.
func TestAProfilesWebIdentityIsRefused(t *testing.T) {
	for token, says := range map[string]string{
		"unknown": "main: AWS doesn't accept the web identity token in ",
		webToken:  "main: the web identity token doesn't open " + opsRole,
	} {
		d := newDesk(t, `{"name": "main", "credentials": {"profile": "base"}}`, roleDev)
		path := d.write("token", "%s", token)
		d.write(".aws/config", "[profile base]\nrole_arn = %s\nweb_identity_token_file = %s\n", opsRole, path)
		d.set("AWS_MAX_ATTEMPTS=1")
		if token == "unknown" {
			says += path
		}
		d.refuses("dev", says, "check that ")
	}
}

// Credentials are asked for in the clear only of this machine, and of ECS and EKS at the addresses that AWS documents.
func TestCheckContainer(t *testing.T) {
	for address, allowed := range map[string]bool{
		"https://credentials.example.com/x": true,
		"http://127.0.0.1/x":                true, "http://127.0.0.1:8080/x": true, "http://127.9.9.9/x": true,
		"http://[::1]:80/x":      true,
		"http://localhost/x":     true,
		"http://169.254.170.2/x": true, "http://169.254.170.23/v1": true, "http://[fd00:ec2::23]/v1": true,

		"http://169.254.170.3/x": false, "http://169.254.169.254/x": false, "http://192.0.2.1/x": false,
		"http://10.0.0.1/x":       false,
		"http://[fd00:ec2::24]/x": false, "http://[2001:db8::1]/x": false, "http://0.0.0.0/x": false,
		"http://127.0.0.1.example.invalid/x": false, "http://127.0.0.1@192.0.2.1/x": false,
		"http://nowhere.invalid/x": false,
		"https:///x":               false, "ftp://127.0.0.1/x": false, "file:///etc/passwd": false, "//127.0.0.1/x": false,
		"127.0.0.1": false,
		"http://":   false, "": false, "http://%zz/": false, "HTTP://127.0.0.1/x": true,
	} {
		if err := checkContainer(address); (err == nil) != allowed {
			t.Errorf("%q: allowed %v, want %v", address, err == nil, allowed)
		} else if err != nil && hint.Of(err) == "" {
			t.Errorf("%q: no next step", address)
		}
	}
}

// A container's endpoint gets the token of the environment, and one that answers with anything else gives no
// credentials.
func TestAContainerIsAskedWithItsToken(t *testing.T) {
	d := newDesk(t, `{"name": "main", "credentials": {"instance": true}}`, roleDev)
	var got string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer other.Close()
	d.set("AWS_CONTAINER_CREDENTIALS_FULL_URI="+other.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN=SESAME")
	_, err := d.get("dev")
	if err == nil || hint.Of(err) == "" || strings.Contains(everythingOf(err), "SESAME") {
		t.Errorf("%v, hint %q", err, hint.Of(err))
	}
	if got != "SESAME" {
		t.Errorf("the token it got was %q", got)
	}
}

// A sign-in's region is its own, wherever the account is called.
func TestAnOriginKeepsItsRegion(t *testing.T) {
	d := newDesk(t, `{"name": "main", "credentials": {"profile": "base"}}`)
	d.write(".aws/config", "[profile base]\nlogin_session = arn:aws:iam::1:user/me\nregion = eu-north-1\n")
	r := d.resolver()
	file, err := r.Accounts.File()
	if err != nil {
		t.Fatal(err)
	}
	way, err := route.To(&file.Accounts[0])
	if err != nil {
		t.Fatal(err)
	}
	if way.Origin.LoginRegion != "eu-north-1" {
		t.Errorf("signs in at %q", way.Origin.LoginRegion)
	}
}

// Static is what it says.
func TestStatic(t *testing.T) {
	want := aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "s"}
	if got, err := Static(want).Retrieve(t.Context()); got != want || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}
