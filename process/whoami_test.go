package process

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"aws-accounts/cache"
)

// Whose the credentials are that an SDK would use here and now, without a session or a note being left.
func TestCurrentIdentity(t *testing.T) {
	const none = "no AWS credentials in use here"
	for name, c := range map[string]struct {
		set         func(d *desk)
		arn         string
		says, hints string
	}{
		"the default profile": {func(*desk) {}, "arn:aws:iam::123456789012:user/me", "", ""},
		"the environment's session": {func(d *desk) {
			id, secret, token := d.aws.Issue(devRole, "here")
			d.set("AWS_PROFILE=gone", "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
		}, "arn:aws:sts::987654321098:assumed-role/Admin/here", "", ""},
		"a profile's role": {func(d *desk) {
			d.write(".aws/config", "[profile ops]\nrole_arn = %s\nsource_profile = default\nrole_session_name = here\n",
				opsRole)
			d.set("AWS_PROFILE=ops")
		}, "arn:aws:sts::987654321098:assumed-role/Ops/here", "", ""},
		"a web identity": {func(d *desk) {
			d.set("AWS_WEB_IDENTITY_TOKEN_FILE="+d.write("token", "%s", webToken), "AWS_ROLE_ARN="+hostRole,
				"AWS_ROLE_SESSION_NAME=here")
		}, "arn:aws:sts::123456789012:assumed-role/Machine/here", "", ""},
		"a container": {func(d *desk) {
			d.write(".aws/credentials", "")
			d.set(d.aws.ContainerEnv()...)
		}, "arn:aws:sts::123456789012:assumed-role/Machine/container", "", ""},

		"no such profile": {func(d *desk) { d.set("AWS_PROFILE=gone") }, "",
			`there is no profile "gone" in ~/.aws, which AWS_PROFILE names`,
			"unset AWS_PROFILE"},
		"no such profile, by the other variable": {func(d *desk) { d.set("AWS_DEFAULT_PROFILE=gone") }, "",
			`there is no profile "gone" in ~/.aws, which AWS_DEFAULT_PROFILE names`, "unset AWS_DEFAULT_PROFILE"},
		"nothing at all": {func(d *desk) { d.write(".aws/credentials", "") }, "", none, "or set AWS_PROFILE"},
		"a process that fails": {func(d *desk) {
			d.write(".aws/credentials", "")
			d.write(".aws/config", "[default]\ncredential_process = %s\n", d.command("SESAME", "", 1))
		}, "", none + ": exit status 1", "or set AWS_PROFILE"},
		"a wrong profile": {func(d *desk) {
			d.write(".aws/config", "[profile wrong]\nsource_profile = default\n")
			d.set("AWS_PROFILE=wrong")
		}, "", `profile "wrong" (line 1 of ` + filepath.FromSlash("~/.aws/config") + `) can't be used`, "correct that profile"},
		"a key that AWS doesn't know": {func(d *desk) {
			d.write(".aws/credentials", "[default]\naws_access_key_id = AKIA0000000000000000\naws_secret_access_key = SESAME\n")
		}, "", "AWS doesn't accept the credentials in use here, which come from profile default of ~/.aws " +
			"(InvalidClientTokenId)",
			"renew or unset them"},
		"half a key in the environment, which isn't used": {func(d *desk) {
			d.write(".aws/credentials", "[default]\naws_access_key_id = AKIA0000000000000000\naws_secret_access_key = SESAME\n")
			d.set("AWS_ACCESS_KEY_ID=AKIA0000000000000001")
		}, "", "which come from profile default of ~/.aws", "renew or unset them"},
		"the environment's, that AWS doesn't know": {func(d *desk) {
			d.set("AWS_ACCESS_KEY_ID=AKIA0000000000000000", "AWS_SECRET_ACCESS_KEY=SESAME")
		}, "", "which come from AWS_ACCESS_KEY_ID", "renew or unset them"},
		"AWS is out of reach": {func(d *desk) { d.aws.Refuse(); d.set("AWS_MAX_ATTEMPTS=1") }, "",
			"the credentials in use here: can't reach ", "check the network"},
		"a setting is wrong": {func(d *desk) { d.set("AWS_REGION=not a region") }, "", "is not a region",
			"unset AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			c.set(d)
			who, credentials, err := CurrentIdentity(t.Context())
			if c.arn != "" {
				if err != nil || who.ARN != c.arn || credentials.AccessKeyID == "" {
					t.Errorf("%+v, %v", who, err)
				}
				return
			}
			expect(t, err, c.says, c.hints)
			d.keepsSecrets(err)
			if who != (Identity{}) {
				t.Errorf("%+v", who)
			}
		})
	}
}

// A first accounts file has the account of the credentials in use, but not if they come from us: that would go round.
func TestCurrent(t *testing.T) {
	d := newDesk(t)
	if id, err := Current(t.Context()); id != mainID || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	d.aws.ResetCalls()
	d.write(".aws/config", "[profile dev]\ncredential_process = aws-accounts process dev\n")
	d.set("AWS_PROFILE=dev")
	if id, err := Current(t.Context()); err == nil || id != "" {
		t.Errorf("%s of a profile that calls us", id)
	}
	d.calls("*", 0)
}

// Which profile is in use, if it is one.
func TestProfileInUse(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ set, want string }{
		{"AWS_REGION=eu-west-1", "default"}, {"AWS_DEFAULT_PROFILE=old", "old"}, {"AWS_PROFILE=new", "new"},
		{"AWS_ACCESS_KEY_ID=AKIA", "new"}, {"AWS_SECRET_ACCESS_KEY=SESAME", ""},
	} {
		d.set(c.set)
		if got := ProfileInUse(); got != c.want {
			t.Errorf("%s: %q", c.set, got)
		}
	}
}

// What is wrong with an item of the keychain has a next step, and a key that is there is used.
func TestKeysInTheKeychain(t *testing.T) {
	d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"keychain": true}}`, roleDev)
	r := d.resolver()
	key := d.aws.Key("me")
	err := r.Sessions.Keychain.StoreKeys(
		t.Context(),
		&cache.Keys{Account: "main", AccountID: mainID, User: "arn:aws:iam::" + mainID + ":user/me",
			Current: cache.AccessKey{ID: key.ID, Secret: key.Secret, Stored: time.Now()}},
	)
	if err != nil {
		t.Fatal(err)
	}
	d.must("dev")
	d.calls("GetCallerIdentity", 0)

	file, err := r.Accounts.File()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err         error
		says, hints string
	}{
		{cache.ErrNotFound, "main: no access key in the keychain", "keys add main`"},
		{cache.ErrCorrupt, "main: reading its access key", "keys add main --replace`"},
		{cache.ErrUnavailable, "main: reading its access key", "AWS_ACCOUNTS_KEYCHAIN=file aws-accounts keys add main`"},
	} {
		expect(t, ExplainItem(c.err, &file.Accounts[0]), c.says, c.hints)
	}
	if other := errors.New("x"); !errors.Is(ExplainItem(other, &file.Accounts[0]), other) {
		t.Error("the cause is lost")
	}
}
