package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/stage"
	"aws-accounts/internal/test/standin"
)

var soaktime = flag.Duration("soaktime", 5*time.Second, "how long")

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	stage.Cleanup()
	os.Exit(status)
}

const (
	roles   = 12
	workers = 6
	// patience is the longest that a command may take, whatever is wrong, but for being stopped: its own limit, and a busy machine.
	patience = 70 * time.Second
)

// soak is one run.
type soak struct {
	t    *testing.T
	aws  *standin.Server
	home *stage.Home

	mu      sync.Mutex
	running map[*exec.Cmd]bool // true for those that the soak itself has stopped or killed
	counts  map[string]int
	longest time.Duration
	trouble time.Time // an error of what began before is no surprise
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *soak) wrong(format string, args ...any) {
	s.count("WRONG")
	s.t.Errorf(format, args...)
}

// expect says that errors are none of the program's fault for so long.
func (s *soak) expect(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until := time.Now().Add(d); until.After(s.trouble) {
		s.trouble = until
	}
}

func (s *soak) accounts(duration string) string {
	entries := []string{`{"name": "main", "account_id": "` + stage.MainAccount + `"}`}
	for i := range roles {
		entries = append(entries, fmt.Sprintf(`{"name": "role%d", "account_id": "%s", "role_arn": "arn:aws:iam::%s:role/Soak%d"}`, i, stage.DevAccount, stage.DevAccount, i))
	}
	return fmt.Sprintf(`{"defaults": {"region": "eu-west-1", "duration": %q}, "accounts": [%s]}`, duration, strings.Join(entries, ",\n"))
}

// run runs a command. harmed means that the soak has killed or stopped it.
func (s *soak) run(args ...string) (stdout, stderr string, status int, harmed, troubled bool) {
	var out, errs bytes.Buffer
	cmd := s.home.Command("aws-accounts", append([]string{"--no-input"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	began := time.Now()
	s.mu.Lock()
	err := cmd.Start()
	s.running[cmd] = false
	s.mu.Unlock()
	if err != nil {
		s.wrong("starting: %v", err)
		return "", "", 0, true, true
	}
	cmd.Wait()
	took := time.Since(began)
	s.mu.Lock()
	harmed = s.running[cmd]
	delete(s.running, cmd)
	troubled = began.Before(s.trouble)
	if !harmed {
		s.longest = max(s.longest, took)
	}
	s.mu.Unlock()
	if took > patience && !harmed {
		s.wrong("%v took %v", args, took)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), harmed, troubled
}

var document = regexp.MustCompile(`^\{"Version":1,"AccessKeyId":"ASIA[A-Z0-9]+","SecretAccessKey":"[^"]+","SessionToken":"[^"]+","Expiration":"[0-9-]+T[0-9:]+Z","AccountId":"[0-9]{12}"\}\n$`)

// process starts `process`, and has AWS say whose the credentials are.
func (s *soak) process() {
	n := rand.IntN(roles + 1)
	name, account, arn := fmt.Sprintf("role%d", n), stage.DevAccount, fmt.Sprintf(":assumed-role/Soak%d/", n)
	if n == roles {
		name, account, arn = "main", stage.MainAccount, ":user/"+stage.User
	}
	stdout, stderr, status, harmed, troubled := s.run("process", name)
	switch {
	case harmed:
		if stdout != "" && !document.MatchString(stdout) {
			s.wrong("%s, killed: half a document", name)
		}
		s.count("killed or stopped")
		return
	case status != 0:
		if stdout != "" || !strings.HasPrefix(stderr, "aws-accounts: ") || !strings.Contains(stderr, "\nhint: ") {
			s.wrong("%s: exit %d, %d bytes on stdout, stderr %q", name, status, len(stdout), stderr)
		} else if !troubled {
			s.wrong("%s fails without a reason: %s", name, stderr)
		}
		s.count("told why there are none")
		return
	case stderr != "" || !document.MatchString(stdout):
		s.wrong("%s: %d bytes on stdout, stderr %q", name, len(stdout), stderr)
		return
	}
	var c struct {
		AccessKeyId, SecretAccessKey, SessionToken, AccountId string
		Expiration                                            time.Time
	}
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || c.AccountId != account || !c.Expiration.After(time.Now()) {
		s.wrong("%s: %v, of %s, until %s", name, err, c.AccountId, c.Expiration)
		return
	}
	client := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(s.aws.URL()), HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyId, c.SecretAccessKey, c.SessionToken)})
	who, err := client.GetCallerIdentity(context.Background(), nil)
	if err != nil {
		s.wrong("%s: AWS doesn't take its credentials: %v", name, err)
		return
	}
	if aws.ToString(who.Account) != account || !strings.Contains(aws.ToString(who.Arn), arn) {
		s.wrong("%s: the credentials are those of %s", name, aws.ToString(who.Arn))
	}
	s.count("right credentials")
}

// other starts one of the other commands, which only have to end as they should.
func (s *soak) other() {
	commands := [][]string{{"list"}, {"list", "--json"}, {"validate"}, {"setup"}, {"setup", "--remove"}, {"setup", "role1"}, {"clear", "role2"}, {"clear", "--all"},
		{"assume", "role3", "--refresh"}, {"assume", "role4", "--duration=15m"}, {"whoami", "role5"}, {"log"}}
	command := commands[rand.IntN(len(commands))]
	stdout, stderr, status, harmed, troubled := s.run(command...)
	if !harmed && status != 0 && !troubled {
		s.wrong("%v: exit %d\n%s%s", command, status, stdout, stderr)
	}
	s.count("other commands")
}

// harm lets one thing go wrong for a while, and mends it. It runs in the test's own goroutine.
func (s *soak) harm(keyring *stage.GNOMEKeyring) {
	pause := func(most time.Duration) { time.Sleep(time.Duration(rand.Int64N(int64(most)))) }
	kinds := []standin.Kind{standin.Reset, standin.ResetMidAnswer, standin.Truncate, standin.Silent, standin.Throttle, standin.ServerError, standin.HTML, standin.AccessDenied}
	var what string
	n := rand.IntN(10)
	if n < 7 {
		s.expect(time.Hour)
	}
	switch n {
	case 0, 1, 2:
		kind := kinds[rand.IntN(len(kinds))]
		what = "AWS: " + string(kind)
		clears := []func(){}
		for _, operation := range []string{"AssumeRole", "GetSessionToken"} {
			clears = append(clears, s.aws.Fault(standin.Fault{Operation: operation, Kind: kind}))
		}
		pause(3 * time.Second)
		for _, c := range clears {
			c()
		}
	case 3:
		what = "clock off"
		s.aws.SetClockOffset(time.Duration(rand.IntN(20)-10) * time.Minute)
		pause(2 * time.Second)
		s.aws.SetClockOffset(0)
	case 4:
		what = "keychain locked"
		keyring.Lock()
		pause(2 * time.Second)
		keyring.Unlock()
	case 5:
		what = "keychain hangs"
		keyring.Hang()
		pause(4 * time.Second)
		keyring.Resume()
	case 6:
		what = "keychain restarted"
		keyring.Stop()
		pause(time.Second)
		keyring.Start()
	case 7, 8:
		what = "a process killed"
		s.signal(syscall.SIGKILL)
	case 9:
		what = "a process stopped"
		if resume := s.signal(syscall.SIGSTOP); resume != nil {
			pause(8 * time.Second)
			resume()
		}
	}
	// Sessions come of age faster than they would: another duration is another session.
	if rand.IntN(4) == 0 {
		temp := filepath.Join(s.home.Dir, "accounts.new")
		if err := os.WriteFile(temp, []byte(s.accounts([]string{"15m", "30m", "1h"}[rand.IntN(3)])), 0o600); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(s.home.Dir, ".config/aws-accounts/accounts.json")); err != nil {
			s.t.Fatal(err)
		}
	}
	s.count("fault: " + what)
	if n < 7 {
		s.mu.Lock()
		s.trouble = time.Now().Add(3 * time.Second) // a little more, for those who wait for one that began before
		s.mu.Unlock()
	}
	pause(time.Second)
}

// signal sends it to one of the running processes and returns what lets it go on.
func (s *soak) signal(sig syscall.Signal) (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cmd := range s.running { // in no order
		s.running[cmd] = true
		cmd.Process.Signal(sig)
		return func() { cmd.Process.Signal(syscall.SIGCONT) }
	}
	return nil
}

func TestSoak(t *testing.T) {
	world := stage.World()
	for i := range roles {
		world.Roles = append(world.Roles, standin.Role{ARN: fmt.Sprintf("arn:aws:iam::%s:role/Soak%d", stage.DevAccount, i),
			Trust: standin.Trust{Principals: []string{stage.MainAccount}}, MaxSessionDuration: 12 * 3600})
	}
	s := &soak{t: t, aws: standin.Start(t, world), running: map[*exec.Cmd]bool{}, counts: map[string]int{}}
	keyring := stage.Keyring(t)
	s.home = stage.NewHome(t, s.aws, keyring.Env()...)
	s.home.Accounts(s.accounts("1h"))
	s.run("process", "main")
	descriptors := openFiles(t)

	began := time.Now()
	end := began.Add(*soaktime)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for time.Now().Before(end) {
				if rand.IntN(5) > 0 {
					s.process()
				} else {
					s.other()
				}
			}
		})
	}
	for time.Now().Before(end) {
		s.harm(keyring)
		if len(s.aws.Log()) > 10_000 {
			s.aws.ResetCalls()
		}
	}
	all.Wait()
	took := time.Since(began)

	// Healthy again, everything works.
	s.trouble = time.Time{}
	if _, stderr, status, _, _ := s.run("assume", "role0", "--refresh"); status != 0 {
		s.wrong("it doesn't recover: %s", stderr)
	}
	s.home.MustRun("aws-accounts", "setup")

	processes := processesOf(t, s.home.Dir)
	if len(processes) > 0 {
		t.Errorf("left running: %q", processes)
	}
	// The keyring's connection and the stand-in's idle ones are no leak of the program's.
	more := openFiles(t) - descriptors
	if more > 20 {
		t.Errorf("%d descriptors more than at the beginning", more)
	}
	temps, locks, others := files(t, s.home.Dir, s.aws.Marker())
	if temps > 10 { // of killed writers, until the next write a minute later
		t.Errorf("%d files in the making left", temps)
	}
	if locks > 3*(roles+8) {
		t.Errorf("%d lock files", locks)
	}
	t.Logf("soaked for %v with %d workers: %d wrong answers, %d processes, %d descriptors, %d temporary files left; %d lock files for %d accounts, %d other files; the longest command took %v",
		took.Round(time.Second), workers, s.counts["WRONG"], len(processes), max(more, 0), temps, locks, roles+1, others, s.longest.Round(10*time.Millisecond))
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		t.Logf("  %6d %s", s.counts[what], what)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// processesOf are the command lines of those that live in the home.
func processesOf(t *testing.T, home string) (lines []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range all {
		name, _ := os.ReadFile(filepath.Join(dir, "comm"))
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if strings.HasPrefix(string(name), "aws-accounts") && bytes.Contains(environ, []byte("HOME="+home+"\x00")) {
			lines = append(lines, dir)
		}
	}
	return lines
}

func files(t *testing.T, home, marker string) (temps, locks, others int) {
	t.Helper()
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case strings.Contains(d.Name(), ".aws-accounts-") || strings.HasPrefix(d.Name(), ".new-"):
			temps++
		case strings.HasSuffix(d.Name(), ".lock") || strings.HasSuffix(d.Name(), ".failed"):
			locks++
		default:
			others++
		}
		data, err := os.ReadFile(path)
		if err == nil && !strings.HasSuffix(path, "/.aws/credentials") && strings.Contains(string(data), marker) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return temps, locks, others
}
