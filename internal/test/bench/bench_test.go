package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/sync/errgroup"

	"aws-accounts/internal/test/stage"
	"aws-accounts/internal/test/standin"
)

func TestMain(m *testing.M) {
	status := m.Run()
	stage.Cleanup()
	os.Exit(status)
}

// subject is something that is measured once a round.
type subject struct {
	command func() *exec.Cmd
	prepare func() // not measured; may be nil
	atOnce  int    // how many are started together; 0 is 1
	every   int    // measured in every so many rounds only, as it is slow; 0 is in each
	times   times
}

// measure measures again where a daemon has died meanwhile, which ended tells once: it is GNOME's fault, whoever the client is.
func (s *subject) measure(b *testing.B, ended func() bool) {
	took, err := s.once()
	for err != nil || ended() {
		if time.Sleep(100 * time.Millisecond); err != nil && !ended() { // the end is seen a little later
			b.Error(err)
			break
		}
		took, err = s.once()
	}
	s.times = append(s.times, took)
}

func (s *subject) once() (took time.Duration, err error) {
	if s.prepare != nil {
		s.prepare()
	}
	commands := make([]*exec.Cmd, max(s.atOnce, 1))
	for i := range commands {
		commands[i] = s.command()
	}
	var all errgroup.Group
	began := time.Now()
	for _, cmd := range commands {
		all.Go(func() error {
			if out, err := cmd.Output(); err != nil || len(out) == 0 {
				return fmt.Errorf("%s: %v, and %d bytes of output", cmd, err, len(out))
			}
			return nil
		})
	}
	err = all.Wait()
	return time.Since(began), err
}

// BenchmarkCalls prints the table. The rounds are its b.N: `go test -bench . -benchtime 60x`.
func BenchmarkCalls(b *testing.B) {
	bin := build(b)
	server := standin.Start(b, stage.World())
	const few, many = 3, 10_000
	few1, few200, few1000, many1, cold1 := stage.Keyring(b), stage.Keyring(b), stage.Keyring(b), stage.Keyring(b), stage.Keyring(b)

	service := newWorld(b, server, few, few1.Env())
	service200 := newWorld(b, server, few, few200.Env())
	service1000 := newWorld(b, server, few, few1000.Env())
	serviceMany := newWorld(b, server, many, many1.Env())
	file := newWorld(b, server, few, stage.FileKeychain())
	cold := newWorld(b, server, few, stage.FileKeychain())
	coldService := newWorld(b, server, few, cold1.Env())
	worlds := []*stage.Home{service, service200, service1000, serviceMany, file, cold, coldService}
	time.Sleep(stage.Settling)
	for _, w := range worlds {
		w.MustRun(bin("aws-accounts"), "process", "dev")
	}
	fill(b, few200.Env(), service200.SessionKey("dev"), 200)
	fill(b, few1000.Env(), service1000.SessionKey("dev"), 1000)

	warm := func(w *stage.Home) *subject {
		return &subject{command: func() *exec.Cmd { return w.Command(bin("aws-accounts"), "process", "dev") }}
	}
	refreshed := func(w *stage.Home) *subject {
		s := warm(w)
		s.prepare = func() { w.MustRun(bin("aws-accounts"), "clear", "dev") }
		return s
	}
	slow := func(args ...string) *subject {
		return &subject{every: 6, command: func() *exec.Cmd { return serviceMany.Command(bin("aws-accounts"), args...) }}
	}
	fifty := func(s *subject) *subject { return &subject{command: s.command, atOnce: 50, every: 5} }

	hello := &subject{command: func() *exec.Cmd { return service.Command(bin("hello")) }}
	floor := &subject{command: func() *exec.Cmd { return service.Command(bin("floor"), service.SessionKey("dev")) }}
	post := &subject{command: func() *exec.Cmd { return service.Command(bin("post"), signed(b, server)...) }}
	onService, onFile := warm(service), warm(file)
	withMany, with200, with1000 := warm(serviceMany), warm(service200), warm(service1000)
	floor50, service50 := fifty(floor), fifty(onService)
	coldFile, coldOnService := refreshed(cold), refreshed(coldService)
	list, complete := slow("list"), slow("complete", "bash", "--", "process", "account-12")
	// In a home of its own: what it writes is a change after which sessions are looked at more closely.
	written := newWorld(b, server, many, stage.FileKeychain())
	setup := &subject{every: 6, command: func() *exec.Cmd { return written.Command(bin("aws-accounts"), "setup") }}
	setup.prepare = func() { written.Write(".aws/config", "[default]\nregion = eu-west-1\n") }
	subjects := []*subject{hello, floor, onService, onFile, withMany, with200, with1000, coldFile, coldOnService, post, floor50, service50,
		list, setup, complete}
	rivals := findRivals(b, server)
	for _, r := range rivals {
		subjects = append(subjects, r.subject)
	}

	deaths := 0
	ended := func() bool {
		before := deaths
		for _, k := range []*stage.GNOMEKeyring{few1, few200, few1000, many1, cold1} {
			if k.Revive() {
				deaths++
			}
		}
		return deaths > before
	}
	for _, s := range subjects { // the first run of a program reads it from the disk
		s.measure(b, ended)
		s.times = nil
	}
	server.ResetCalls()
	rounds := 0
	for b.Loop() {
		for _, s := range subjects {
			if rounds%max(s.every, 1) == 0 {
				s.measure(b, ended)
			}
		}
		rounds++
	}
	if deaths > 0 {
		b.Logf("gnome-keyring-daemon aborted %d times; what was being measured was measured again", deaths)
	} else if asked, want := server.Calls("AssumeRole"), 3*rounds; asked != want { // cold twice, and post
		b.Errorf("%d AssumeRole calls in %d rounds, want %d: what was to be warm was not, or the other way round", asked, rounds, want)
	}

	least, warmFloor := hello.times.median(), floor.times.median()
	warmService := onService.times.median()
	rows := []row{
		{name: "hello world in Go", times: hello.times},
		{name: "floor: one secret by D-Bus", times: floor.times},
		{name: "warm, secret-service", times: onService.times, over: "floor", base: warmFloor, limit: 1.3},
		{name: "warm, file", times: onFile.times, over: "hello world", base: least, limit: 3},
		{name: "warm, of 10,000 accounts", times: withMany.times, over: "of 3", base: warmService, limit: 1.1},
		{name: "warm, among 200 more sessions", times: with200.times, over: "alone", base: warmService, limit: 1.1},
		{name: "warm, among 1,000 more sessions", times: with1000.times, over: "alone", base: warmService, limit: 1.1},
		{name: "floor, 50 at once", times: floor50.times},
		{name: "warm, secret-service, 50 at once", times: service50.times, over: "the floor's 50", base: floor50.times.median(), limit: 1.5},
		{name: "a bare POST to STS", times: post.times},
		{name: "cold, file", times: coldFile.times, over: "warm + POST", base: onFile.times.median() + post.times.median(), limit: 2},
		{name: "cold, secret-service", times: coldOnService.times, over: "warm + POST", base: warmService + post.times.median(), limit: 2},
	}
	rows = append(rows,
		row{name: "`list` of 10,000 accounts", times: list.times, limit: 500},
		row{name: "`setup` of 10,000", times: setup.times, limit: 1000},
		row{name: "completion of 10,000", times: complete.times, limit: 30})
	for _, r := range rivals {
		rows = append(rows, row{name: r.name, times: r.subject.times, over: "floor", base: warmFloor})
	}
	if _, err := os.Stat(bin("peak")); err == nil {
		rows = append(rows,
			row{name: "memory, warm, secret-service", size: peak(b, service, bin), limit: 14},
			row{name: "memory, warm, file", size: peak(b, file, bin), limit: 14})
	}
	info, err := os.Stat(bin("aws-accounts"))
	if err != nil {
		b.Fatal(err)
	}
	rows = append(rows, row{name: "the program, stripped", size: info.Size(), limit: stage.LargestProgram >> 20})

	fmt.Printf("\n\n%s · %d × %s · %s/%s · %s · medians of %d rounds\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), processor(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), rounds)
	if err := writeTable(os.Stdout, rows); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\nrepeat it: make bench, or for more rounds make bench ROUNDS=200; the table is for README.md, Figures\n")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rows[2].compared(), "warm/floor")
}

// build builds the program as it is released, and what it is measured with, and returns where each is.
func build(b *testing.B) func(program string) string {
	built, dir := b.TempDir(), b.TempDir()
	for _, command := range []string{
		"make -C ../../.. build DIST=" + built,
		"go build -trimpath -ldflags=-s -o " + built + " ./...",
		"cp " + built + "/* " + dir, // as installing does: what the linker wrote lies in memory in small pieces, which costs us a millisecond
	} {
		cmd := exec.Command("sh", "-c", command)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	return func(program string) string { return filepath.Join(dir, program) }
}

// newWorld is a home with so many accounts and a keychain.
func newWorld(b *testing.B, server *standin.Server, accounts int, keychain []string) *stage.Home {
	var file strings.Builder
	file.WriteString(`{"accounts": [{"name": "main", "account_id": "123456789012", "description": "Main AWS Account"}`)
	add := func(name, account string) {
		fmt.Fprintf(&file, ",\n{\"name\": %q, \"account_id\": %q, \"role_arn\": \"arn:aws:iam::%[2]s:role/CrossAccountAdminRole\"}", name, account)
	}
	add("dev", stage.DevAccount)
	add("prod", stage.ProdAccount)
	for n := 3; n < accounts; n++ {
		add(fmt.Sprintf("account-%d", n), fmt.Sprintf("%012d", n))
	}
	file.WriteString("]}\n")
	home := stage.NewHome(b, server, keychain...)
	home.Accounts(file.String())
	return home
}

// signed are the arguments of post for one AssumeRole.
func signed(b *testing.B, server *standin.Server) []string {
	body := "Action=AssumeRole&Version=2011-06-15&RoleSessionName=bench&RoleArn=" + stage.DevRole
	request, err := http.NewRequest(http.MethodPost, server.URL()+"/", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	key := server.Key(stage.User)
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret},
		request, hex.EncodeToString(sum[:]), "sts", "eu-west-1", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return []string{request.URL.String(), request.Header.Get("Authorization"), request.Header.Get("X-Amz-Date"), body}
}

// peak is the largest memory of a warm call.
func peak(b *testing.B, home *stage.Home, bin func(string) string) int64 {
	out := home.MustRun(bin("peak"), bin("aws-accounts"), "process", "dev")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	size, err := strconv.ParseInt(lines[len(lines)-1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// processor is the machine's, as far as it says.
func processor() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	_, model, _ := strings.Cut(string(data), "model name")
	model, _, _ = strings.Cut(model, "\n")
	if model = strings.TrimLeft(model, "\t :"); model == "" {
		return "processor"
	}
	return model
}
