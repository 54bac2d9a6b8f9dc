package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/test/standin"
	"aws-accounts/process/protocol"
)

// stsAnswering puts a server in AWS's place that gives this answer to whatever it is asked.
func (d *desk) stsAnswering(body string) {
	d.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, body)
	}))
	d.t.Cleanup(server.Close)
	d.set("AWS_ENDPOINT_URL="+server.URL, "AWS_ENDPOINT_URL_STS="+server.URL)
}

// assumed is STS's answer to AssumeRole, for the user that it names.
func assumed(user string) string {
	return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
		`<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>SESAME</SecretAccessKey>` +
		`<SessionToken>SESAME</SessionToken><Expiration>` +
		time.Now().
			Add(time.Hour).
			UTC().
			Format(time.RFC3339) +
		`</Expiration></Credentials>` + user + `</AssumeRoleResult></AssumeRoleResponse>`
}

// Credentials of another AWS account than the file says are handed out to nobody, however they came, and are not
// kept. A session that is still valid isn't handed out in their place: AWS has answered.
func TestCredentialsOfAnotherAccountAreRefused(t *testing.T) {
	user := func(account string) string {
		return `<AssumedRoleUser><AssumedRoleId>x:y</AssumedRoleId><Arn>arn:aws:sts::` + account +
			`:assumed-role/Admin/y</Arn></AssumedRoleUser>`
	}
	of := func(base string) string { return `{"name": "dev", "account_id": "` + devID + `", ` + base + `}` }
	for name, c := range map[string]struct {
		account string
		set     func(d *desk)
		belong  string
	}{
		"a profile's key": {of(`"credentials": {"profile": "default"}`), func(*desk) {}, mainID},
		"a key that is handed out as it is": {of(`"credentials": {"profile": "default"}, "session": "none"`),
			func(*desk) {}, mainID},
		"the environment's session": {of(`"credentials": {"environment": true}`), func(d *desk) {
			id, secret, token := d.aws.Issue(hostRole, "me")
			d.set("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
		}, mainID},
		"a process that says so": {of(`"credentials": {"profile": "base"}`), func(d *desk) {
			d.write(".aws/config", "[profile base]\ncredential_process = %s\n",
				d.command(`{"Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": "SESAME", "SessionToken": "SESAME",
					"AccountId": "`+prodID+`"}`, "", 0))
		}, prodID},
		"a role in AWS's answer": {roleDev, func(d *desk) { d.stsAnswering(assumed(user(prodID))) }, prodID},
		"a role in no account":   {roleDev, func(d *desk) { d.stsAnswering(assumed("")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.account)
			c.set(d)
			got, err := d.get("dev")
			expect(
				t,
				err,
				fmt.Sprintf("dev: the credentials belong to account %s, not to %s", c.belong, devID),
				"correct account_id of dev in ",
			)
			if !errors.Is(err, cache.ErrRefused) {
				t.Error("a session that is still valid would be handed out")
			}
			if got.SecretAccessKey != "" {
				t.Error("they are handed out")
			}
			if _, err := d.resolver().Sessions.Load(t.Context(), "dev"); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("kept: %v", err)
			}
			if told := everythingOf(err) + d.everythingBelow("state"); strings.Contains(told, "SESAME") {
				t.Error("a secret is told")
			}
		})
	}
	t.Run("the right one", func(t *testing.T) {
		d := newDesk(t, roleDev)
		d.stsAnswering(assumed(user(devID)))
		if c := d.must("dev"); c.AccountID != devID {
			t.Errorf("credentials of account %q", c.AccountID)
		}
	})
}

// The expiration is on this computer's clock, by which callers judge it: whoever's clock is behind would use the
// session beyond its end. A clock that is ahead only has them ask early. A person is told of either.
func TestExpirationsAreOnThisComputersClock(t *testing.T) {
	for name, c := range map[string]struct {
		world  time.Duration // ahead of this computer
		left   time.Duration
		report string
	}{
		"the same":        {0, time.Hour, ""},
		"a little behind": {30 * time.Second, time.Hour + 30*time.Second, ""},
		"behind":          {4 * time.Minute, time.Hour, "this computer's clock is 4m behind AWS's"},
		"ahead":           {-4 * time.Minute, time.Hour - 4*time.Minute, "this computer's clock is 4m ahead of AWS's"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, baseMain, roleDev)
			d.aws.SetClockOffset(c.world)
			before := time.Now()
			got := d.must("dev").Expires
			const steps = 2 * time.Second // AWS's dates have whole seconds
			if got.Before(before.Add(c.left-steps)) || got.After(time.Now().Add(c.left+steps)) {
				t.Errorf("it lasts %v, want %v", time.Until(got), c.left)
			}
			if told := strings.Join(d.troubles, "\n"); (c.report == "") != (told == "") || !strings.Contains(told, c.report) {
				t.Errorf("told: %q, want %q", told, c.report)
			}
		})
	}
}

// What is over by this computer's clock is handed out to nobody: the clock must be wrong.
func TestASessionThatIsOverIsRefused(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.ahead = 2 * time.Hour
	d.refuses("dev", "dev: the session is over by this computer's clock, which must be wrong", "timedatectl set-ntp true")
	if _, err := d.resolver().Sessions.Load(t.Context(), "dev"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("kept: %v", err)
	}
}

// An incomplete answer is no answer: half a set of credentials reaches nobody.
func TestHalfAnAnswerIsRefused(t *testing.T) {
	whole := assumed(`<AssumedRoleUser><Arn>arn:aws:sts::` + devID + `:assumed-role/Admin/y</Arn></AssumedRoleUser>`)
	for _, member := range []string{"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Credentials"} {
		d := newDesk(t, roleDev)
		from, to := strings.Index(whole, "<"+member+">"), strings.Index(whole, "</"+member+">")+len("</"+member+">")
		d.stsAnswering(whole[:from] + whole[to:])
		_, err := d.get("dev")
		expect(t, err, "dev: AWS answered without a whole set of credentials", "aws-accounts doctor dev")
	}
}

// A key never changes its account: AWS is asked once. Of a session it is asked each time, since the next may be
// another's.
func TestAKeysAccountIsAskedOnce(t *testing.T) {
	d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "session": "none"}`)
	for range 3 {
		if c := d.must("main"); c.SessionToken != "" || c.AccountID != mainID || c.CanExpire {
			t.Error("not the key as it is")
		}
	}
	d.calls("GetCallerIdentity", 1)
	d.calls("GetSessionToken", 0)

	other := d.aws.Key("me")
	d.write(
		".aws/credentials",
		"[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		"AKIAANOTHERKEY000000",
		other.Secret,
	)
	d.refuses("main", "main: AWS doesn't know the credentials of main", "valid access key")
	d.calls("GetCallerIdentity", 2)

	d.accounts(`{"name": "env", "account_id": "` + mainID + `", "credentials": {"environment": true}}`)
	id, secret, token := d.aws.Issue(hostRole, "me")
	d.set("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
	d.must("env")
	d.must("env")
	d.calls("GetCallerIdentity", 4)
}

// A base's key reaches no caller: what it hands out is a session of its own.
func TestABaseHandsOutASession(t *testing.T) {
	d := newDesk(t, baseMain)
	got := d.must("main")
	if got.SessionToken == "" || got.SecretAccessKey == d.aws.Key("me").Secret || got.AccountID != mainID {
		t.Error("the key itself is handed out")
	}
	d.must("main")
	d.calls("GetSessionToken", 1)
	d.refusing("GetSessionToken", "AccessDenied")
	d.age("main")
	d.stored("main")
	d.refuses("main", "main: AWS refused a session token", `set "session": "none" for main`)
}

func (d *desk) refusing(operation, code string) {
	d.aws.Fault(standin.Fault{Operation: operation, Kind: standin.Refusal, Status: 403, Code: code, Message: "no"})
}

// What the environment says can be another tomorrow without a change of any file: a session of it is kept without
// a stamp, so that its plan is compared each time, and another key's session answers for nobody else.
func TestVolatileOriginsGetNoStamp(t *testing.T) {
	d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"environment": true}}`, roleDev)
	d.set(d.aws.KeyEnv("me")...)
	first := d.must("dev")
	if s := d.stored("dev"); s.Stamp != "" {
		t.Errorf("it is stamped %q", s.Stamp)
	}
	if d.must("dev") != first {
		t.Error("the stored session isn't handed out")
	}
	d.calls("AssumeRole", 1)
	id, secret, token := d.aws.Issue(hostRole, "me")
	d.aws.PutRole(trusting(devRole, mainID))
	d.set("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
	if d.must("dev") == first {
		t.Error("another key gets the session of the first")
	}

	d.accounts(baseMain, roleDev)
	d.must("dev")
	if s := d.stored("dev"); s.Stamp == "" {
		t.Error("a session of the files alone has no stamp")
	}
}

// A file that changes between the look at it and its reading is a newer one than its stamp says: what it gives is
// kept without.
func TestAFileThatChangesMeanwhileGetsNoStamp(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.must("main") // which notes what is known of this version
	for _, changes := range []bool{false, true} {
		p := d.resolver().Session("dev")
		if changes {
			d.accounts(baseMain, strings.ReplaceAll(roleDev, "/Admin", "/Ops"))
		}
		if plan, err := p.Plan(); err != nil || plan.Volatile != changes {
			t.Errorf("it changes %v: volatile %v, %v", changes, plan.Volatile, err)
		}
	}
}

// Whoever has a session to fall back on waits for one hop at most: one call of AWS in all, without another try,
// and the old session is handed out.
func TestOneHopOfAChainWaits(t *testing.T) {
	reset := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	trouble := func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }
	for name, c := range map[string]struct {
		change func(d *desk)
		answer func(http.ResponseWriter)
	}{
		"AWS is out of reach":            {func(d *desk) { d.age("dev", "prod") }, reset},
		"AWS has trouble":                {func(d *desk) { d.age("dev", "prod") }, trouble},
		"the source's session is fresh":  {func(d *desk) { d.age("prod") }, reset},
		"the source has nothing in hand": {func(d *desk) { d.age("prod"); d.forgets("dev") }, reset},
		"a role over the base":           {func(d *desk) { d.age("dev"); d.forgets("prod") }, reset},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, baseMain, roleDev, roleProd)
			account := "prod"
			if strings.HasPrefix(name, "a role") {
				account = "dev"
			}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			var down atomic.Bool
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !down.Load() {
					d.aws.ServeHTTP(w, r)
					return
				}
				calls.Add(1)
				if plan := r.Header.Get("Amz-Sdk-Request"); plan != "attempt=1; max=1" {
					t.Errorf("it would try again: %s", plan)
					leave() // so that nobody waits for that
				}
				c.answer(w)
			}))
			defer server.Close()
			d.set("AWS_ENDPOINT_URL="+server.URL, "AWS_ENDPOINT_URL_STS="+server.URL)
			d.must("prod")
			first := d.must(account)
			c.change(d)
			down.Store(true)
			got, err := d.resolver().Session(account).Retrieve(ctx)
			if err != nil || got.AccessKeyID != first.AccessKeyID {
				t.Errorf("the session in hand isn't handed out: %v", err)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("AWS was asked %d times", n)
			}
		})
	}
}

// Whoever has nothing to fall back on tries again.
func TestWithoutASessionItTriesAgain(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Reset, Count: 1})
	d.must("dev")
	d.calls("AssumeRole", 2)
}

// forgets removes a stored session.
func (d *desk) forgets(name string) {
	d.t.Helper()
	s := d.resolver().Sessions
	if err := s.Keychain.Remove(d.t.Context(), item.SessionKey(name, s.Variant)); err != nil {
		d.t.Fatal(err)
	}
}

// A session that one service has issued, or that is of one accounts file, never answers for another, nor is it
// lost for that.
func TestAnotherEndpointOrFileIsAnotherItem(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	first := d.must("dev")

	t.Run("endpoint", func(t *testing.T) {
		other := standin.Start(t, world())
		key := d.aws.Key("me")
		w := standin.Start(t, standin.Config{Users: []standin.User{{Account: mainID, Name: "me",
			Keys: []standin.AccessKey{{ID: key.ID, Secret: key.Secret}}}}, Roles: []standin.Role{trusting(devRole, mainID)}})
		for _, server := range []*standin.Server{w, other} {
			for _, v := range server.Env() {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			got, err := d.get("dev")
			if got.AccessKeyID == first.AccessKeyID {
				t.Errorf("another endpoint's caller gets the session of the first (%v)", err)
			}
		}
		if w.Calls("AssumeRole") != 1 {
			t.Error("the other endpoint isn't asked")
		}
	})
	t.Run("file", func(t *testing.T) {
		before := d.file
		d.file = d.write("other/accounts.json", `{"accounts": [%s, %s]}`, baseMain, roleDev)
		if d.must("dev") == first {
			t.Error("another accounts file gets the session of the first")
		}
		d.file = before
	})
	d.set(d.aws.Env()...)
	if d.must("dev") != first {
		t.Error("the first session has been pushed out")
	}
	if !errors.Is(d.variantless("dev"), cache.ErrNotFound) {
		t.Error("a session of another endpoint lies where AWS's own sessions lie")
	}
}

// variantless is what becomes of a look for the session that AWS's own endpoints would have issued.
func (d *desk) variantless(name string) error {
	s := d.resolver().Sessions
	s.Variant = ""
	_, err := s.Load(d.t.Context(), name)
	return err
}

// Only a session of the files as they are now counts as handed out.
func TestHandedOut(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.must("dev")
	s := d.stored("dev")
	handedOut := func() bool { return HandedOut(d.resolver().Accounts)(s) }
	for _, c := range []struct {
		name   string
		change func()
		want   bool
	}{
		{"as it was", func() {}, true},
		{"another account's entry", func() { d.accounts(baseMain, roleDev, roleProd) }, true},
		{"another role", func() { d.accounts(baseMain, strings.ReplaceAll(roleDev, "/Admin", "/Ops")) }, false},
		{"another key", func() {
			d.write(".aws/credentials", "[default]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n")
		}, false},
		{"no entry", func() { d.accounts(baseMain) }, false},
		{"it can't be told", func() { d.write(d.file, "{") }, true},
	} {
		key := d.aws.Key("me")
		d.write(".aws/credentials", "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
		d.accounts(baseMain, roleDev)
		c.change()
		if got := handedOut(); got != c.want {
			t.Errorf("%s: handed out %v", c.name, got)
		}
	}
	d.accounts(baseMain, roleDev)
	d.write(".aws/config/is a folder", "")
	if !handedOut() {
		t.Error("a session that nothing can be told of isn't listed")
	}
}

// Commands get the credentials as any call would, past the keychain and the log.
func TestObtainAndClientKeepNothing(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	r := d.resolver()
	file, err := r.Accounts.File()
	if err != nil {
		t.Fatal(err)
	}
	a, err := file.Find("dev")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c, err := r.Obtain(t.Context(), a); err != nil || c.AccountID != devID {
			t.Errorf("credentials of account %q, %v", c.AccountID, err)
		}
	}
	d.calls("AssumeRole", 2)
	client, way, err := r.Client(t.Context(), a)
	if err != nil || way.Last().RoleARN != devRole {
		t.Fatal(err)
	}
	if who, err := client.Through(func(c aws.Config) aws.Config { return c }).Whoami(t.Context()); err != nil ||
		who.AccountID != mainID {
		t.Errorf("the client calls as %v, %v", who, err)
	}
	if _, err := d.resolver().Sessions.Load(t.Context(), "dev"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("kept: %v", err)
	}

	d.write(".aws/config", "[default]\ncredential_process = aws-accounts process dev\n")
	d.write(".aws/credentials", "")
	_, _, err = d.resolver().Client(t.Context(), a)
	expect(t, err, "calls aws-accounts itself", "name a profile with credentials of its own")
	_, err = d.resolver().Obtain(t.Context(), a)
	expect(t, err, "calls aws-accounts itself", "name a profile with credentials of its own")
}

// What the user asks for once is what every caller is then handed: the session of a changed entry is kept as the
// account's own.
func TestFetchAs(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	r := d.resolver()
	file, err := r.Accounts.File()
	if err != nil {
		t.Fatal(err)
	}
	a, err := file.Find("dev")
	if err != nil {
		t.Fatal(err)
	}
	short := *a
	short.Duration = accounts.Duration(20 * time.Minute)
	p := r.Session("dev")
	p.Renew = true
	if err := r.FetchAs(p, &short); err != nil {
		t.Fatal(err)
	}
	got, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if seconds := d.param("AssumeRole", "DurationSeconds"); seconds != "1200" {
		t.Errorf("asked for %s seconds", seconds)
	}
	if d.must("dev").AccessKeyID != got.AccessKeyID {
		t.Error("the next caller gets another session")
	}
	d.calls("AssumeRole", 1)
	if err := r.FetchAs(r.Session("gone"), &short); err == nil {
		t.Error("an account that isn't there gets a session")
	}
}

// An account that isn't there, and a file that can't be read, are said as such, and AWS isn't asked.
func TestNoSuchAccount(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	d.refuses("dv", `no account "dv"`, "")
	d.write(d.file, `{"accounts": [}`)
	if _, err := d.get("dev"); err == nil {
		t.Error("credentials of a broken file")
	}
	d.accounts(baseMain, roleDev)
	d.write(".aws/config/is a folder", "")
	if _, err := d.get("dev"); err == nil {
		t.Error("credentials with a broken ~/.aws/config")
	}
	d.calls("*", 0)
}

// What the file says of a role reaches AWS, each thing in its own place, and nothing that it doesn't say.
func TestAssumeRoleSendsWhatTheFileSays(t *testing.T) {
	d := newDesk(
		t,
		baseMain,
		strings.Replace(roleDev, "}", `, "external_id": "x-1", "session_name": "me@here", "source_identity": "me",
		"session_tags": {"team": "core", "cost": "1"}, "transitive_tag_keys": ["team"], "duration": "30m",
		"policy": {"Version": "2012-10-17", "Statement": []},
		"policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}`, 1),
		strings.Replace(
			roleDev, "dev", "plain", 1),
	)
	d.get("dev") // whatever AWS has against it
	want := map[string]string{
		"RoleArn":                    devRole,
		"ExternalId":                 "x-1",
		"RoleSessionName":            "me@here",
		"SourceIdentity":             "me",
		"DurationSeconds":            "1800",
		"Tags.member.1.Key":          "cost",
		"Tags.member.1.Value":        "1",
		"Tags.member.2.Key":          "team",
		"Tags.member.2.Value":        "core",
		"TransitiveTagKeys.member.1": "team",
		"PolicyArns.member.1.arn":    "arn:aws:iam::aws:policy/ReadOnlyAccess",
	}
	for name, value := range want {
		if got := d.param("AssumeRole", name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if !strings.Contains(d.param("AssumeRole", "Policy"), "2012-10-17") {
		t.Error("without its policy")
	}
	d.must("plain")
	for _, name := range []string{"ExternalId", "SourceIdentity", "Tags.member.1.Key", "TransitiveTagKeys.member.1",
		"Policy", "PolicyArns.member.1.arn",
		"SerialNumber", "TokenCode"} {
		if got := d.param("AssumeRole", name); got != "" {
			t.Errorf("another role is sent %s %q", name, got)
		}
	}
}

// On success standard output has one document; on failure nothing.
func TestRun(t *testing.T) {
	d := newDesk(t, baseMain, roleDev)
	var out strings.Builder
	run := func(name string) error {
		out.Reset()
		return (&Command{Name: name}).Run(d.resolver(), &out)
	}
	if err := run("dev"); err != nil || strings.Count(out.String(), "\n") != 1 ||
		!strings.Contains(out.String(), `"AccountId":"`+devID+`"`) {
		t.Errorf("%v", err)
	}
	d.refusing("AssumeRole", "AccessDenied")
	d.forgets("dev")
	err := run("dev")
	expect(t, err, "dev: not allowed to assume "+devRole, "doctor dev")
	if out.Len() > 0 {
		t.Error("it has written something all the same")
	}
	if !strings.Contains((&Command{}).Help(), "credential_process") {
		t.Error("the help doesn't say what it is for")
	}
}

// Whatever holds a call up, it ends by itself: what knows no deadline is left behind.
func TestACallEndsByItself(t *testing.T) {
	protocol.IgnoreHangup() // its goroutine outlives the test
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		defer close(forever)
		var out strings.Builder
		hung := cache.OpenKeychain(cache.KeychainConfig{Choose: func() (string, error) { <-forever; return "", context.Canceled }})
		r := &Resolver{Accounts: accounts.NewReader(filepath.Join(t.TempDir(), "none.json"), ""),
			Sessions: &cache.Sessions{Keychain: hung, Now: time.Now, Report: func(string, error) {}}}
		err := (&Command{Name: "dev"}).Run(r, &out)
		if err == nil || !strings.Contains(err.Error(), "dev: not finished within 55s") || hint.Of(err) == "" ||
			out.Len() > 0 {
			t.Errorf("%v, wrote %q", err, out.String())
		}
		if left := protocol.Remaining(protocol.CallLimit); left.Abs() > time.Second {
			t.Errorf("it ended %v before its time", left)
		}
	})
}
