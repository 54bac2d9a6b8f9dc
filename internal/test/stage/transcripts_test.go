package stage

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aws-accounts/internal/test/standin"
)

// These tests wait ten times as long as they work: for time limits, for AWS, for programs. So more of them run at a time than there
// are processors, unless -parallel says otherwise.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16")
	status := m.Run() // parses the command line
	Cleanup()
	os.Exit(status)
}

// Each promise of the README is a transcript in testdata: what is typed, what is seen. They run the built program against
// the stand-in AWS. Beyond testscript's own words they know:
//
//	calls OPERATION N        the stand-in has been asked N times
//	fault OPERATION KIND [PAGE]  from now on it goes wrong, or only the page with this token; `fault clear` mends it
//	throttle OPERATION N     the next N times it is refused for coming too fast
//	organization ACCOUNT…    the organization has these, each 'NAME ID [STATUS]'; none: there is no organization
//	clock DURATION           AWS's clock is so far ahead of ours
//	mfa FILE                 puts a code that the user's MFA device shows, and that is new, into the file and $CODE
//	sso-revoke               an administrator ends everybody's sign-in to Identity Center
//	nosecrets                no file of the home but ~/.aws/credentials holds a secret, nor do the last outputs
func TestTranscripts(t *testing.T) {
	Binary(t)
	dir, files := "testdata", []string(nil)
	if runtime.GOOS == "windows" {
		t.Logf("NOT TESTED: all transcripts but %s have a Unix shell and its paths in them", onWindows)
		dir, files = "", onWindows
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		Files:               files,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpTranscript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"aws-accounts": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Exec(Binary(t), args...)
				if wrong := typeBack(t, ts.ReadFile("stdout"), ts.ReadFile("stderr")); wrong != "" {
					ts.Fatalf("%s", wrong)
				}
				switch {
				case err != nil && !neg:
					ts.Fatalf("unexpected failure: %v", err)
				case err == nil && neg:
					ts.Fatalf("unexpected success")
				}
			},
			"calls": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[1])
				ts.Check(err)
				if got := server(ts).Calls(args[0]); got != want {
					ts.Fatalf("%s: %d calls, want %d", args[0], got, want)
				}
			},
			"fault": func(ts *testscript.TestScript, _ bool, args []string) {
				if args[0] == "clear" {
					server(ts).ClearFaults()
					return
				}
				f := standin.Fault{Operation: args[0], Kind: standin.Kind(args[1])}
				if len(args) > 2 {
					f.Resource = args[2]
				}
				server(ts).Fault(f)
			},
			// deny ACTION POLICY: the kind of policy, as AWS names it, has a Deny.
			"deny": func(ts *testscript.TestScript, _ bool, args []string) {
				server(ts).SetDenials(standin.Denial{Principal: "*", Action: args[0], Policy: args[1], Explicit: true})
			},
			"throttle": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[1])
				ts.Check(err)
				server(ts).Fault(standin.Fault{Operation: args[0], Kind: standin.Throttle, Count: n})
			},
			"organization": func(ts *testscript.TestScript, _ bool, args []string) {
				var members []standin.OrgMember
				for _, arg := range args {
					words := append(strings.Fields(arg), "")
					members = append(members, standin.OrgMember{Name: words[0], ID: words[1], Status: words[2]})
				}
				server(ts).SetMembers(members...)
			},
			"clock": func(ts *testscript.TestScript, _ bool, args []string) {
				d, err := time.ParseDuration(args[0])
				ts.Check(err)
				server(ts).SetClockOffset(d)
			},
			"mfa": func(ts *testscript.TestScript, _ bool, args []string) {
				code := server(ts).MFACode(MFASerial)
				ts.Setenv("CODE", code)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(code+"\n"), 0o600))
			},
			"sso-revoke": func(ts *testscript.TestScript, _ bool, _ []string) { server(ts).EndSSOSessions() },
			"nosecrets": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(NoSecrets(ts.Getenv("HOME"), server(ts)))
				ts.Check(hasNone(ts.ReadFile("stderr"), "stderr", server(ts)))
			},
		},
	})
}

// onWindows are the transcripts that any system understands.
var onWindows = []string{
	"testdata/main_job.txtar", "testdata/chain.txtar", "testdata/status.txtar", "testdata/debug.txtar",
	"testdata/role.txtar", "testdata/remove.txtar", "testdata/schema.txtar", "testdata/keychain_move.txtar",
}

type serverKey struct{}

func server(ts *testscript.TestScript) *standin.Server {
	return ts.Value(serverKey{}).(*standin.Server)
}

func setUpTranscript(env *testscript.Env) error {
	tb := env.T().(testing.TB)
	aws := standin.Start(tb, World())
	env.Values[serverKey{}] = aws
	home := NewHome(tb, aws, FileKeychain()...)
	for _, v := range home.Env {
		name, value, _ := strings.Cut(v, "=")
		env.Setenv(name, value)
	}
	for _, v := range append(aws.ContainerEnv(), aws.InstanceEnv()...) { // for `exec env $AS_CONTAINER …`
		name, value, _ := strings.Cut(v, "=")
		env.Setenv("STANDIN_"+name, value)
	}
	env.Setenv("TOKEN", WebIdentityToken)
	env.Setenv("KEY_ID", aws.Key(User).ID)
	env.Setenv("KEY_SECRET", aws.Key(User).Secret)
	env.Setenv("CONFIG", filepath.Join(home.Dir, ".aws", "config"))
	env.Setenv("CREDENTIALS", filepath.Join(home.Dir, ".aws", "credentials"))
	env.Setenv("ACCOUNTS", filepath.Join(home.Dir, ".config", "aws-accounts", "accounts.json"))
	env.Setenv("LOG", filepath.Join(home.Dir, ".local", "state", "aws-accounts", "access_log.jsonl"))
	return os.MkdirAll(filepath.Join(home.Dir, ".config", "aws-accounts"), 0o700)
}

// NoSecrets says which file below home holds a secret or token of aws, besides the user's own credentials file.
func NoSecrets(home string, aws *standin.Server) error {
	return filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(filepath.ToSlash(path), "/.aws/credentials") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return hasNone(string(data), path, aws)
	})
}

func hasNone(text, where string, aws *standin.Server) error {
	if slices.ContainsFunc(aws.Secrets(), func(s string) bool { return strings.Contains(text, s) }) {
		return fmt.Errorf("%s holds a secret", where)
	}
	return nil
}
