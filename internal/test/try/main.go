// Command try shows the main job on a machine that has only Go: a profile that `aws-accounts setup` wrote, read by programs
// that know nothing of aws-accounts. It fails if anything isn't as promised.
//
// It needs no AWS, no keychain and no privileges, and touches nothing outside a temporary folder (but Go's build cache).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"aws-accounts/internal/test/standin"
)

const (
	user        = "alice"
	mainAccount = "123456789012"
	devAccount  = "987654321098"
	bucket      = "dev-bucket"

	accounts = `{
  "defaults": {"region": "eu-west-1"},
  "accounts": [
    {"name": "main", "account_id": "123456789012", "description": "Main"},
    {"name": "dev",  "account_id": "987654321098", "description": "Development",
     "role_arn": "arn:aws:iam::987654321098:role/CrossAccountAdminRole"}
  ]
}
`
	next = `
Now yours: ` + "`make build`" + `, put dist/aws-accounts on your PATH, and let
` + "`aws-accounts init`" + ` take over what is in ~/.aws: it shows each change first,
and says what to try. The README says more.
`
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := try(ctx, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "try: not as promised: %s\n", err)
		os.Exit(1)
	}
}

// try writes the transcript, or returns what went wrong on the way.
func try(ctx context.Context, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	aws := standin.New(standin.Config{
		Users:   []standin.User{{Account: mainAccount, Name: user}},
		Roles:   []standin.Role{{ARN: "arn:aws:iam::" + devAccount + ":role/CrossAccountAdminRole", Trust: standin.Trust{Principals: []string{mainAccount}}}},
		Buckets: []standin.Bucket{{Account: devAccount, Name: bucket}},
	})
	if err := aws.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	defer aws.Close()
	s := &stage{ctx: ctx, dir: dir, aws: aws, out: stdout}
	if err := s.furnish(); err != nil {
		return err
	}
	return s.play()
}

// stage is a home, a machine and an AWS.
type stage struct {
	ctx context.Context
	dir string
	aws *standin.Server
	out io.Writer
	all strings.Builder // what the commands wrote
}

func (s *stage) home(path ...string) string {
	return filepath.Join(append([]string{s.dir, "home"}, path...)...)
}

// furnish builds the programs, and makes a home with a user's keys and the accounts file.
func (s *stage) furnish() error {
	build := exec.CommandContext(s.ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(s.dir, "bin")+string(filepath.Separator),
		"aws-accounts", "aws-accounts/internal/test/try/client")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	key := s.aws.Key(user)
	if err := os.Mkdir(filepath.Join(s.dir, "tmp"), 0o700); err != nil {
		return err
	}
	for path, content := range map[string]string{
		s.home(".aws", "credentials"):                      fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret),
		s.home(".config", "aws-accounts", "accounts.json"): accounts,
		s.home("AppData", "aws-accounts", "accounts.json"): accounts, // on Windows
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// env is written anew: nothing of the user's own environment but where programs are.
func (s *stage) env() []string {
	env := []string{
		"PATH=" + filepath.Join(s.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + s.home(), "TMPDIR=" + filepath.Join(s.dir, "tmp"), "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
		"AWS_ACCOUNTS_KEYCHAIN=file", "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE=correct horse battery staple",
	}
	if runtime.GOOS == "windows" {
		env = append(env, "USERPROFILE="+s.home(), "AppData="+s.home("AppData"), "LocalAppData="+s.home("AppData"),
			"TEMP="+filepath.Join(s.dir, "tmp"), "SystemRoot="+os.Getenv("SystemRoot"), "ComSpec="+os.Getenv("ComSpec"))
	}
	return append(env, s.aws.Env()...)
}

func (s *stage) play() error {
	fmt.Fprintf(s.out, `All of this happens in %s, which is removed at the end. AWS is
a stand-in inside this program, as strict about signatures; the keychain is the
file keychain. ~ is a new home, with a user's keys in ~/.aws/credentials.

`, s.dir)
	fmt.Fprintf(s.out, "$ cat ~/.config/aws-accounts/accounts.json\n%s", accounts)
	if err := s.run("aws-accounts", "setup"); err != nil {
		return err
	}
	config, err := os.ReadFile(s.home(".aws", "config"))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n$ cat ~/.aws/config\n%s", config)

	fmt.Fprintf(s.out, "\n# A program with aws-sdk-go-v2, which knows nothing of aws-accounts: cold, warm.\n")
	for range 2 {
		if err := s.lists("client", "dev"); err != nil {
			return err
		}
	}
	if err := s.awsCLI(); err != nil {
		return err
	}
	for _, command := range []string{"list", "log"} {
		if err := s.run("aws-accounts", command); err != nil {
			return err
		}
	}

	if n := s.aws.Calls("AssumeRole"); n != 1 {
		return fmt.Errorf("AWS was asked for the role %d times, not once", n)
	}
	searched, err := s.noSecrets()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, `
AWS was asked for the role once. None of its secrets and tokens is in any of the
%d files below ~, nor is the user's key, but in ~/.aws/credentials where it was.
`, searched)
	fmt.Fprint(s.out, next)
	return nil
}

// run shows a command and what it wrote. It has to succeed and to be silent on stderr.
func (s *stage) run(name string, args ...string) error {
	_, err := s.output(name, args...)
	return err
}

// lists is run for a command that has to show the bucket of dev.
func (s *stage) lists(name string, args ...string) error {
	out, err := s.output(name, args...)
	if err == nil && !strings.Contains(out, bucket) {
		err = fmt.Errorf("%s does not list %s", name, bucket)
	}
	return err
}

func (s *stage) output(name string, args ...string) (string, error) {
	shown := strings.Join(append([]string{name}, args...), " ")
	if name == "aws-accounts" {
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "$ %s\n", shown)
	var out, errs strings.Builder
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(s.out, &s.all, &out), io.MultiWriter(s.out, &s.all, &errs)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", shown, err)
	}
	if errs.Len() > 0 {
		return "", fmt.Errorf("%s wrote to stderr", shown)
	}
	return out.String(), nil
}

// command runs in the home, with the PATH that it is started with: ours first.
func (s *stage) command(name string, args ...string) *exec.Cmd {
	own := filepath.Join(s.dir, "bin", name)
	if runtime.GOOS == "windows" {
		own += ".exe"
	}
	if _, err := os.Stat(own); err == nil {
		name = own
	}
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir, cmd.Env = s.home(), s.env()
	return cmd
}

// awsCLI is for where there is one. Not every version of it takes the endpoint from the environment.
func (s *stage) awsCLI() error {
	if err := s.command("aws", "--version").Run(); err != nil {
		fmt.Fprintln(s.out, "# (The AWS CLI is not installed here.)")
		return nil
	}
	return s.lists("aws", "--endpoint-url", s.aws.URL(), "s3", "ls", "--profile", "dev")
}

// noSecrets looks for each secret and token of the stand-in in all that was written, and returns how many files that are.
func (s *stage) noSecrets() (files int, err error) {
	secrets := s.aws.Secrets()
	if len(secrets) < 3 { // the user's key; the session's key and token
		return 0, errors.New("the stand-in has handed out no session")
	}
	look := func(where, text string) error {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				return fmt.Errorf("%s holds a secret", where)
			}
		}
		return nil
	}
	if err := look("the output", s.all.String()); err != nil {
		return 0, err
	}
	err = filepath.WalkDir(s.home(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || path == s.home(".aws", "credentials") {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return look(path, string(data))
	})
	return files, err
}
