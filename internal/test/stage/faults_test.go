package stage

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/test/standin"
)

// What a process gave: what it wrote, when it ran.
type given struct {
	stdout, stderr string
	status         int
	began, ended   time.Time
}

func (g given) took() time.Duration { return g.ended.Sub(g.began) }

// credentials are what callers read; ok is false if stdout isn't exactly that.
func (g given) credentials() (c struct {
	AccessKeyId, AccountId string
	Expiration             time.Time
}, ok bool) {
	ok = g.status == 0 && g.stderr == "" && document.MatchString(g.stdout) && json.Unmarshal([]byte(g.stdout), &c) == nil
	return c, ok
}

// process runs `process NAME`, with env after the home's own.
func (h *Home) process(name string, env ...string) given {
	h.t.Helper()
	var g given
	var out, errs strings.Builder
	cmd := h.Command("aws-accounts", "process", name)
	cmd.Env = append(slices.Clip(cmd.Env), env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	g.began = time.Now()
	err := cmd.Run()
	g.ended = time.Now()
	if cmd.ProcessState == nil {
		h.t.Errorf("process %s: %v", name, err)
		return g
	}
	g.stdout, g.stderr, g.status = out.String(), errs.String(), cmd.ProcessState.ExitCode()
	return g
}

// fileKeychain is the home's file keychain, opened by the test itself.
func (h *Home) fileKeychain() *cache.Keychain {
	return cache.OpenKeychain(cache.KeychainConfig{Backend: "file", Owner: h.owner(), Dir: filepath.Join(h.Dir, ".local/state/aws-accounts/keychain"),
		Passphrase: func(_ context.Context, s cache.Safe) error {
			_, err := s.Open("CORRECTHORSEBATTERYSTAPLEZ", false)
			return err
		}})
}

// age makes the stored session of an account one that was issued an hour before its end, with so much of it left.
func (h *Home) age(name string, left time.Duration) {
	h.t.Helper()
	keychain := h.fileKeychain()
	data, err := keychain.Get(h.t.Context(), item.SessionKey(name, h.variant()))
	if err != nil {
		h.t.Fatal(err)
	}
	var s item.Session
	if err := json.Unmarshal(data, &s); err != nil {
		h.t.Fatal(err)
	}
	s.Expiration = time.Now().Add(left).UTC()
	s.Issued = s.Expiration.Add(-time.Hour)
	if data, err = json.Marshal(s); err == nil {
		err = keychain.Set(h.t.Context(), item.SessionKey(name, h.variant()), data)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// An outage is AWS out of reach. begin returns what the environment of the processes has to say besides.
type outage struct {
	name  string
	says  string // why, in the error and the log
	begin func(t *testing.T, aws *standin.Server) (env []string)
}

func fault(f standin.Fault) func(*testing.T, *standin.Server) []string {
	return func(_ *testing.T, aws *standin.Server) []string { aws.Fault(f); return nil }
}

// elsewhere is an STS with a name, which is reached through a proxy if at all.
const elsewhere = "sts.eu-west-1.example.com"

// reachable has the home's sessions issued there, and returns the environment with which a process gets there.
func (h *Home) reachable(aws *standin.Server, scheme string) []string {
	proxy := standin.StartProxy(h.t, aws)
	h.Env = append(h.Env, "AWS_ENDPOINT_URL_STS="+scheme+"://"+elsewhere)
	h.Write("ca.pem", string(proxy.CA()))
	return append(proxy.Env(), "AWS_CA_BUNDLE="+filepath.Join(h.Dir, "ca.pem"))
}

var outages = []outage{
	{"refusing", "connection refused", func(_ *testing.T, aws *standin.Server) []string { aws.Refuse(); return nil }},
	{"resetting", "connection reset by peer", fault(standin.Fault{Operation: "*", Kind: standin.Reset})},
	{"resetting in the middle of its answer", "cut off", fault(standin.Fault{Operation: "*", Kind: standin.ResetMidAnswer})},
	{"silent", "didn't answer in time", fault(standin.Fault{Operation: "*", Kind: standin.Silent})},
	{"slow", "didn't answer in time", fault(standin.Fault{Operation: "*", Kind: standin.Slow, Delay: time.Minute})},
	{"throttling", "throttling", fault(standin.Fault{Operation: "*", Kind: standin.Throttle})},
	{"500", "HTTP 500", fault(standin.Fault{Operation: "*", Kind: standin.ServerError, Status: 500})},
	{"503", "HTTP 503", fault(standin.Fault{Operation: "*", Kind: standin.ServerError, Status: 503})},
	{"HTML", "what answered isn't AWS", fault(standin.Fault{Operation: "*", Kind: standin.HTML})},
	{"a captive portal", "what answered isn't AWS", fault(standin.Fault{Operation: "*", Kind: standin.HTML, Status: 302})},
	{"a firewall", "what answered isn't AWS", fault(standin.Fault{Operation: "*", Kind: standin.HTML, Status: 403})},
	{"HTML with 502", "HTTP 502", fault(standin.Fault{Operation: "*", Kind: standin.HTML, Status: 502})},
	{"truncated", "what answered isn't AWS", fault(standin.Fault{Operation: "*", Kind: standin.Truncate})},
	{"a proxy that is gone", "connection refused", func(t *testing.T, _ *standin.Server) []string {
		return []string{"HTTPS_PROXY=" + standin.RefusedURL(t)}
	}},
	{"a proxy that is gone, without TLS", "connection refused", func(t *testing.T, _ *standin.Server) []string {
		return []string{"HTTP_PROXY=" + standin.RefusedURL(t)}
	}},
	{"a proxy that fails", "Bad Gateway", func(t *testing.T, _ *standin.Server) []string {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		t.Cleanup(proxy.Close)
		return []string{"HTTPS_PROXY=" + proxy.URL}
	}},
	{"a proxy that wants a password", "Proxy Authentication Required", func(t *testing.T, _ *standin.Server) []string {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
		t.Cleanup(proxy.Close)
		return []string{"HTTPS_PROXY=" + proxy.URL}
	}},
	{"a proxy that is silent", "didn't answer in time", func(t *testing.T, _ *standin.Server) []string {
		proxy, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connections, nobody reads
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { proxy.Close() })
		return []string{"HTTPS_PROXY=http://" + proxy.Addr().String()}
	}},
	{"an unknown CA", "isn't trusted", func(t *testing.T, aws *standin.Server) []string {
		return standin.StartProxy(t, aws).Env()
	}},
}

// staleAfter is how soon a session that is still valid is handed out when AWS is out of reach; failsAfter is how soon it's
// told that there is none. It takes 1.5 and 22 seconds; a busy machine may add to that, and what ends by itself after 55 is neither.
const (
	staleAfter = 15 * time.Second
	failsAfter = 45 * time.Second
)

// Whatever keeps AWS from answering: a session that is still valid is handed out in time, and the failure is in the log. With
// no session it's an error in time, which says why and what to do.
func TestOutages(t *testing.T) {
	t.Parallel()
	type waiting struct {
		outage
		aws   *standin.Server
		home  *Home
		stale given
		later <-chan given
	}
	var all []waiting
	for _, o := range outages {
		w := waiting{outage: o, aws: startStageAWS(t, "")}
		w.home = NewHome(t, w.aws, FileKeychain()...)
		w.home.Accounts(stageAccounts)
		var before []string
		if strings.HasPrefix(o.name, "a proxy") || o.name == "an unknown CA" {
			scheme := map[bool]string{true: "http", false: "https"}[strings.HasSuffix(o.name, "without TLS")]
			before = w.home.reachable(w.aws, scheme)
		}
		first, _ := w.home.process("dev", before...).credentials()
		w.home.age("dev", 5*time.Minute)
		env := o.begin(t, w.aws)

		w.stale = w.home.process("dev", env...)
		if c, ok := w.stale.credentials(); !ok || c.AccessKeyId != first.AccessKeyId {
			t.Errorf("%s: the valid session isn't handed out: exit %d, stderr %q", o.name, w.stale.status, w.stale.stderr)
		}
		if w.stale.took() > staleAfter {
			t.Errorf("%s: that took %v", o.name, w.stale.took())
		}
		if log := accessLog(t, w.home); !slices.ContainsFunc(log, func(e logEntry) bool { return e.Outcome == "failed" && strings.Contains(e.Error, o.says) }) {
			t.Errorf("%s: the log doesn't say %q: %+v", o.name, o.says, log)
		}
		w.home.MustRun("aws-accounts", "clear", "dev")
		w.home.Env = append(w.home.Env, env...)
		_, w.later = w.home.begin("dev", nil) // all of them wait at the same time
		all = append(all, w)
	}
	for _, w := range all {
		g := <-w.later
		if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, "aws-accounts: dev: ") ||
			!strings.Contains(g.stderr, w.says) || !strings.Contains(g.stderr, "\nhint: ") {
			t.Errorf("%s, without a session: exit %d, %d bytes on stdout, stderr %q", w.name, g.status, len(g.stdout), g.stderr)
		}
		if g.took() > failsAfter {
			t.Errorf("%s: without a session it took %v", w.name, g.took())
		}
		t.Logf("%s: a valid session after %v; without one after %v: %s", w.name,
			w.stale.took().Round(10*time.Millisecond), g.took().Round(10*time.Millisecond), g.stderr)
		if err := NoSecrets(w.home.Dir, w.aws); err != nil {
			t.Error(err)
		}
		if err := hasNone(g.stderr, "stderr", w.aws); err != nil {
			t.Error(err)
		}
	}
}

// With three links that all need AWS (a role, the role that it is assumed with, and the MFA session which that is assumed
// with), it takes no longer.
func TestOutageOfAChain(t *testing.T) {
	t.Parallel()
	world := loadWorld(1)
	deep := "arn:aws:iam::" + DevAccount + ":role/Deep"
	world.Roles = append(world.Roles, standin.Role{ARN: deep, Trust: standin.Trust{Principals: []string{DevAccount}}})
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(strings.Replace(mfaAccounts(1), `"accounts": [`, `"accounts": [{"name": "deep", "role_arn": "`+deep+`", "source": "role0"}, `, 1))
	h.Write("code", aws.MFACode(MFASerial))
	first, ok := h.process("deep").credentials()
	if !ok {
		t.Fatal("no session to begin with")
	}
	for _, link := range []string{"main", "role0", "deep"} {
		h.age(link, 5*time.Minute)
	}
	h.Write("code", "123456")
	aws.Fault(standin.Fault{Operation: "*", Kind: standin.Silent})
	g := h.process("deep")
	if c, ok := g.credentials(); !ok || c.AccessKeyId != first.AccessKeyId || g.took() > staleAfter {
		t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
	}
	t.Logf("three silent links: a valid session after %v", g.took())
}

// A hundred processes don't wait each for itself: one asks AWS, all have the valid session in time, and those that come within
// the next seconds don't ask at all.
func TestOutageOfMany(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	first, _ := h.process("dev").credentials()
	h.age("dev", 5*time.Minute)
	aws.Fault(standin.Fault{Operation: "*", Kind: standin.Silent})
	aws.ResetCalls()
	const n = 100
	var all sync.WaitGroup
	var answers [n]given
	began := time.Now()
	for i := range n {
		all.Go(func() { answers[i] = h.process("dev") })
	}
	all.Wait()
	var slowest time.Duration
	for _, g := range answers {
		if c, ok := g.credentials(); !ok || c.AccessKeyId != first.AccessKeyId {
			t.Errorf("exit %d, stderr %q", g.status, g.stderr)
		}
		slowest = max(slowest, g.took())
	}
	calls := aws.Calls("AssumeRole")
	t.Logf("%d processes while STS is silent: %d asked it, the slowest took %v, all together %v", n, calls, slowest, time.Since(began))
	if calls != 1 {
		t.Errorf("%d asked AWS", calls)
	}
	if slowest > staleAfter {
		t.Errorf("the slowest took %v", slowest)
	}
	if h.process("dev"); aws.Calls("AssumeRole") != calls {
		t.Error("the next one asked again")
	}
}

// A definite denial is an error at once, however long the session still holds.
func TestDenialAtOnce(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	h.process("dev")
	h.age("dev", 5*time.Minute)
	aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.AccessDenied})
	aws.ResetCalls()
	for range 2 { // from AWS, then from memory
		g := h.process("dev")
		for range 5 { // a busy machine may be too slow for AWS's answer to count
			if g.status == 0 {
				g = h.process("dev")
			}
		}
		if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, "(AccessDenied)\nhint: ") {
			t.Errorf("exit %d, stderr %q", g.status, g.stderr)
		}
		t.Logf("denied after %v", g.took())
	}
	if n := aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d AssumeRole", n)
	}
}
