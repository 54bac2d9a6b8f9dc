//go:build !windows

package stage

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// ssoAccounts are ten accounts of one sign-in.
func ssoAccounts() string {
	var entries []string
	for i := range 10 {
		entries = append(entries, fmt.Sprintf(`{"name": "audit%d", "account_id": "%s", "sso": {"session": "corp", "role_name": "ReadOnly"}}`, i, DevAccount))
	}
	return fmt.Sprintf(`{"accounts": [%s], "sso_sessions": [{"name": "corp", "start_url": "%s", "region": "eu-west-1"}]}`, strings.Join(entries, ",\n"), StartURL)
}

// browser puts a browser into the home that goes to the page and writes down that it was opened, then does the rest. It
// returns the variable that names it, and the function that counts its pages.
func (h *Home) browser(rest string) (variable string, opened func() int) {
	path := filepath.Join(h.Dir, "browser")
	writeProgram(h.t, path, "#!/bin/sh\necho page >>\"$HOME/opened\"\n"+rest+"\n")
	return "BROWSER=" + path, func() int {
		data, _ := os.ReadFile(filepath.Join(h.Dir, "opened"))
		return bytes.Count(data, []byte("\n"))
	}
}

const follows = `curl -sSfL -o /dev/null "$1"`

// processAll starts `process` ten times for each of the ten accounts, all at once; each must succeed.
func processAll(t *testing.T, h *Home) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			out, errs, status := h.Run("aws-accounts", "process", fmt.Sprintf("audit%d", i%10))
			if status != 0 || errs != "" || !document.MatchString(out) {
				t.Errorf("exit %d, stderr %q, %d bytes", status, errs, len(out))
			}
		})
	}
	all.Wait()
}

// A hundred cold processes of ten accounts: one page, one sign-in, one call an account; and a hundred with an expired token:
// one renewal. It is all in a real keychain, and nowhere else.
func TestSSOOnceForAll(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, Keyring(t).Env()...)
	h.Accounts(ssoAccounts())
	variable, opened := h.browser(follows)
	h.Env = append(h.Env, variable)

	processAll(t, h)
	if n := opened(); n != 1 {
		t.Errorf("%d pages opened", n)
	}
	if n := aws.Calls("CreateToken"); n != 1 {
		t.Errorf("%d tokens", n)
	}
	if n := aws.Calls("GetRoleCredentials"); n != 10 {
		t.Errorf("%d sessions of ten accounts", n)
	}

	aws.Advance(2 * time.Hour)
	h.MustRun("aws-accounts", "clear", "--all")
	processAll(t, h)
	if n := aws.Calls("CreateToken"); n != 2 {
		t.Errorf("%d tokens after one has expired", n)
	}
	if n := aws.Calls("GetRoleCredentials"); n > 30 { // AWS's clock alone went on, so that it's AWS who says that the token has expired
		t.Errorf("%d requests for sessions of ten accounts, twice", n)
	}
	if n := opened(); n != 1 {
		t.Errorf("%d pages opened", n)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// Without anybody to sign in it fails at once, not when nobody has come, and AWS isn't asked.
func TestSSONobody(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	for name, env := range map[string][]string{
		"no desktop":  nil,
		"SSH":         {"SSH_CONNECTION=192.0.2.1 4711 192.0.2.2 22", "SSH_TTY=/dev/pts/9"},
		"CI":          {"CI=true", "BROWSER=true", "DISPLAY=:0"},
		"no browser":  {"BROWSER=/nonexistent/browser", "DISPLAY=:0"},
		"broken one":  {"BROWSER=false"},
		"no xdg-open": {"DISPLAY=:0", "PATH=/nonexistent"},
	} {
		h := NewHome(t, aws, append(FileKeychain(), env...)...)
		h.Accounts(ssoAccounts())
		cmd := h.Command("aws-accounts", "process", "audit0")
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // whoever runs the tests may have a terminal
		began := time.Now()
		err := cmd.Run()
		took := time.Since(began)
		if err == nil || out.Len() > 0 || !strings.HasPrefix(errs.String(), "aws-accounts: audit0: not signed in to corp") ||
			!strings.HasSuffix(errs.String(), "hint: run `aws-accounts sso login corp`\n") {
			t.Errorf("%s: %v, stdout %q, stderr %q", name, err, out.String(), errs.String())
		}
		if took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
	if n := aws.Calls("Authorize") + aws.Calls("StartDeviceAuthorization"); n != 0 {
		t.Errorf("%d sign-ins were begun", n)
	}
}

// A browser that stays open holds none of our files: the caller doesn't wait for it.
func TestSSOBrowserStaysOpen(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(ssoAccounts())
	variable, _ := h.browser(follows + "\nexec tail -f /dev/null --pid=$TESTER")
	h.Env = append(h.Env, variable, fmt.Sprintf("TESTER=%d", os.Getpid()))
	done := make(chan string, 1)
	go func() { done <- h.MustRun("aws-accounts", "process", "audit0") }()
	select {
	case out := <-done:
		if !document.MatchString(out) {
			t.Errorf("%d bytes", len(out))
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the caller waits for the browser")
	}
}

var (
	deviceLink = regexp.MustCompile(`(?m)^  (http://127\.0\.0\.1:[0-9]+/device)\?user_code=([A-Z-]+)$`)
	deviceCode = regexp.MustCompile(`check that the page shows ([A-Z]{4}-[A-Z]{4})\n`)
)

// Without a browser `sso login` shows a link and a code, as it does with --device; the page is on another device.
func TestSSODeviceCode(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"sso", "login"}, {"sso", "login", "CORP", "--device"}} {
		aws := standin.Start(t, World())
		h := NewHome(t, aws, FileKeychain()...)
		h.Accounts(ssoAccounts())
		if len(args) > 2 {
			h.Env = append(h.Env, "BROWSER=false") // not even tried
		}
		cmd := h.Command("aws-accounts", args...)
		var errs strings.Builder
		cmd.Stderr = &errs
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var shown strings.Builder
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(&shown, lines.Text())
			link := deviceLink.FindStringSubmatch(lines.Text())
			if link == nil {
				continue
			}
			if code := deviceCode.FindStringSubmatch(shown.String()); code == nil || code[1] != link[2] {
				t.Errorf("the code isn't shown: %q", shown.String())
			}
			answer, err := http.PostForm(link[1], url.Values{"user_code": {link[2]}})
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(shown.String(), "signed in to corp until ") {
			t.Errorf("%v: %v\n%s%s", args, err, shown.String(), errs.String())
		}
		h.MustRun("aws-accounts", "process", "audit0")
		if n := aws.Calls("Authorize"); n != 0 {
			t.Errorf("%d visits of the page for browsers", n)
		}
	}
}

// Ctrl-C while the browser is open leaves nothing behind, not even another SSO session to choose from, and the next sign-in
// isn't kept waiting.
func TestSSOInterrupted(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(ssoAccounts())
	variable, _ := h.browser("")
	h.Env = append(h.Env, variable)
	cmd := h.Command("aws-accounts", "sso", "login", "--start-url=https://lab.awsapps.com/start", "--region=eu-west-1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err == nil {
		t.Error("it succeeded")
	}

	_, opened := h.browser(follows) // in the place of the other
	began := time.Now()
	h.MustRun("aws-accounts", "sso", "login")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the next sign-in took %s", took)
	}
	if n := opened(); n == 0 {
		t.Error("the sign-in that was interrupted has been kept")
	}
}

// Trouble with the keychain is no reason to withhold credentials from who signs in; the log says that they weren't kept.
func TestSSOKeychainTrouble(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, "AWS_ACCOUNTS_KEYCHAIN=shoebox")
	h.Accounts(ssoAccounts())
	variable, opened := h.browser(follows)
	h.Env = append(h.Env, variable)
	if out := h.MustRun("aws-accounts", "process", "audit0"); !document.MatchString(out) {
		t.Errorf("%d bytes", len(out))
	}
	if log := h.MustRun("aws-accounts", "log"); !strings.Contains(log, "keeping the sign-in to corp: ") {
		t.Errorf("the log says\n%s", log)
	}
	// A sign-in that can't be kept is worth nothing: nobody is bothered with it.
	before := opened()
	if _, errs, status := h.Run("aws-accounts", "sso", "login"); status != 1 || opened() != before {
		t.Errorf("exit %d, stderr %q, %d pages more", status, errs, opened()-before)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// A slow renewal costs no sign-in: AWS takes each refresh token once, so that an answer which comes after the hurry is kept
// for the next call, while this one is handed the session that is still valid.
func TestSSOHurry(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(ssoAccounts())
	variable, opened := h.browser(follows)
	h.Env = append(h.Env, variable)
	before, _ := h.process("audit0").credentials()
	aws.Advance(2 * time.Hour)
	aws.Fault(standin.Fault{Operation: "CreateToken", Kind: standin.Slow, Delay: 4 * time.Second}) // more than a hurry lasts

	h.age("audit0", 5*time.Minute)
	g := h.process("audit0")
	if spare, ok := g.credentials(); !ok || spare.AccessKeyId != before.AccessKeyId {
		t.Errorf("exit %d after %s, stderr %q", g.status, g.took(), g.stderr)
	}
	if n := aws.Calls("CreateToken"); n != 2 {
		t.Errorf("%d tokens", n)
	}

	h.age("audit0", -time.Second)
	g = h.process("audit0")
	if got, ok := g.credentials(); !ok || got.AccessKeyId == before.AccessKeyId {
		t.Errorf("exit %d, stderr %q", g.status, g.stderr)
	}
	if n := aws.Calls("CreateToken"); n != 2 || opened() != 1 {
		t.Errorf("%d tokens, %d pages opened", n, opened())
	}
}
