// Package stage is where the real program is tried: built as users build it, in a home of its own, against the stand-in
// AWS, a real keychain daemon and real SDKs. It is linked into tests only.
package stage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-accounts/cache/item"
	"aws-accounts/internal/place"
	"aws-accounts/internal/test/standin"
	"aws-accounts/process/protocol"
)

// The accounts of World, as in the README's examples.
const (
	MainAccount = "123456789012"
	DevAccount  = "987654321098"
	DevRole     = "arn:aws:iam::987654321098:role/CrossAccountAdminRole"
	ProdAccount = "555555555555"
	ProdRole    = "arn:aws:iam::555555555555:role/CrossAccountAdminRole"
	MFARole     = "arn:aws:iam::987654321098:role/OnlyWithMFA"
	MachineRole = "arn:aws:iam::123456789012:role/Machine"
	PlainRole   = "arn:aws:iam::987654321098:role/Plain" // takes neither tags nor a source identity
	OnwardRole  = "arn:aws:iam::222222222222:role/Onward"
	User        = "alice"
	StartURL    = "https://corp.awsapps.com/start"
	MFASerial   = "arn:aws:iam::123456789012:mfa/alice"

	WebIdentityToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmV4YW1wbGUvYXBwIn0.MARKSECRETsignature"
)

// World is the AWS that most tests need: a user in the main account, whom the roles in dev and prod trust.
func World() standin.Config {
	trust := standin.Trust{Principals: []string{MainAccount}}
	return standin.Config{
		Accounts: []standin.Account{{ID: DevAccount, Name: "Development"}},
		Users:    []standin.User{{Account: MainAccount, Name: User, MFA: []standin.MFADevice{{Serial: MFASerial}}}},
		Roles: []standin.Role{
			{ARN: DevRole, Trust: trust, MaxSessionDuration: 12 * 3600},
			{ARN: MFARole, Trust: standin.Trust{Principals: []string{MainAccount}, MFA: true}, MaxSessionDuration: 12 * 3600},
			{ARN: MachineRole, Trust: standin.Trust{Principals: []string{MainAccount}, WebIdentity: &standin.WebIdentityTrust{Issuer: "https://ci.example.com"}}},
			{ARN: PlainRole, Trust: standin.Trust{Principals: []string{MainAccount}, Actions: []string{"sts:AssumeRole"}}},
			{ARN: OnwardRole, Trust: standin.Trust{Principals: []string{DevAccount}}},
			{ARN: ProdRole, Trust: standin.Trust{Principals: []string{MainAccount, DevRole}}},
			{ARN: "arn:aws:iam::" + DevAccount + ":role/OrganizationAccountAccessRole", Trust: trust},
			{ARN: "arn:aws:iam::" + ProdAccount + ":role/OrganizationAccountAccessRole", Trust: trust},
		},
		WebIdentities: []standin.WebIdentity{{Token: WebIdentityToken, Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com", Subject: "repo:example/app"}},
		Container:     &standin.Container{Role: MachineRole},
		Instance:      &standin.Instance{Role: MachineRole},
		Buckets:       []standin.Bucket{{Account: DevAccount, Name: "dev-bucket"}},
		IdentityCenter: []standin.IdentityCenter{{StartURL: StartURL, Region: "eu-west-1", Assignments: []standin.Assignment{
			{Account: DevAccount, Role: "ReadOnly"}, {Account: DevAccount, Role: "Admin"},
		}}},
		Organization: &standin.Organization{ManagementAccount: MainAccount, PageSize: 2,
			Members: []standin.OrgMember{
				{ID: MainAccount, Name: "Main"}, {ID: DevAccount, Name: "Development", Tags: map[string]string{"team": "core"}},
				{ID: ProdAccount, Name: "Production (EU)", Parent: "ou-ab12-production", Tags: map[string]string{"team": "core"}},
				{ID: "444444444444", Name: "Legacy", Status: "SUSPENDED"},
			},
			Units: []standin.OrgUnit{{ID: "ou-ab12-workloads", Name: "Workloads"}, {ID: "ou-ab12-production", Name: "Production", Parent: "ou-ab12-workloads"}}},
	}
}

// Settling is how long a large file has to be left alone until it is told by its times alone: see version.Stamp.
const Settling = 2*time.Second + 100*time.Millisecond

// stateDir is where a home keeps log, locks and the file keychain.
const stateDir = ".local/state/aws-accounts"

var built struct {
	sync.Once
	dir string
	err error
}

// LargestProgram is how many bytes the program may have.
const LargestProgram = 18 << 20

// Binary builds the program once for the whole test run, as it is released, and returns its path. Where there is no Go compiler, as under Wine,
// $STAGE_BINARY names a program that is built already.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("STAGE_BINARY"); path != "" {
		return path
	}
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "aws-accounts-stage-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", built.dir, "aws-accounts")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("building aws-accounts: %v", built.err)
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(built.dir, "aws-accounts.exe")
	}
	return filepath.Join(built.dir, "aws-accounts")
}

// Cleanup removes the built program; TestMain calls it last.
func Cleanup() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// Home is a private home directory and the environment of somebody who lives in it.
type Home struct {
	t   testing.TB
	Dir string
	Env []string
}

// NewHome returns an empty home whose SDKs talk to aws, with AWS's ~/.aws holding user's key as the default profile.
func NewHome(t testing.TB, aws *standin.Server, extra ...string) *Home {
	t.Helper()
	h := &Home{t: t, Dir: t.TempDir()}
	h.Env = []string{
		"HOME=" + h.Dir,
		"PATH=" + filepath.Dir(Binary(t)) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"USER=tester",
		"TMPDIR=" + t.TempDir(),
		"AWS_REGION=eu-west-1",
		"LC_ALL=C.UTF-8",
	}
	if runtime.GOOS == "windows" {
		h.Env = append(h.Env, "USERPROFILE="+h.Dir, "XDG_CONFIG_HOME="+filepath.Join(h.Dir, ".config"),
			"XDG_STATE_HOME="+filepath.Join(h.Dir, ".local", "state"), "SystemRoot="+os.Getenv("SystemRoot"), "ComSpec="+os.Getenv("ComSpec"))
	}
	h.Env = append(h.Env, aws.Env()...)
	h.Env = append(h.Env, extra...)
	key := aws.Key(User)
	h.Write(".aws/credentials", fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret))
	return h
}

// FileKeychain is the environment that chooses the file keychain, for tests that are about something else.
func FileKeychain() []string {
	return []string{"AWS_ACCOUNTS_KEYCHAIN=file", "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE=CORRECTHORSEBATTERYSTAPLEZ"}
}

// Write puts a file into the home.
func (h *Home) Write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// Accounts writes the accounts file.
func (h *Home) Accounts(content string) { h.Write(".config/aws-accounts/accounts.json", content) }

// owner is whose the keychain's items and the locks of that file are.
func (h *Home) owner() string {
	return place.Owner(filepath.Join(h.Dir, ".config", "aws-accounts", "accounts.json"))
}

// Own is a lock or note of that file: dev.lock, dev.item.
func (h *Home) Own(name string) string {
	stem, ext, _ := strings.Cut(name, ".")
	if v := h.variant(); v != "" && ext != "json" {
		stem += "=" + v
	}
	return stateDir + "/locks/" + h.owner() + "/" + stem + "." + ext
}

// SessionKey is the whole key of an account's session.
func (h *Home) SessionKey(name string) string {
	return item.FullKey(h.owner(), item.SessionKey(name, h.variant()))
}

// variant is that of the home's environment.
func (h *Home) variant() string {
	return protocol.VariantOf(func(name string) string {
		for _, entry := range slices.Backward(h.Env) {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}, nil)
}

// Command returns a command that runs in the home, not started yet.
func (h *Home) Command(name string, args ...string) *exec.Cmd {
	if name == "aws-accounts" {
		name = Binary(h.t)
	}
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = h.Env, h.Dir
	return cmd
}

// Run runs a command and returns what it wrote and its exit status.
func (h *Home) Run(name string, args ...string) (stdout, stderr string, status int) {
	h.t.Helper()
	var out, errs strings.Builder
	cmd := h.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	if seen != nil {
		seen(h.t, out.String(), errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// seen is told what each command has written, nil for nobody.
var seen func(t testing.TB, outputs ...string)

// MustRun is Run for what has to succeed.
func (h *Home) MustRun(name string, args ...string) string {
	h.t.Helper()
	out, errs, status := h.Run(name, args...)
	if status != 0 {
		h.t.Fatalf("%s %s: exit %d\n%s%s", name, strings.Join(args, " "), status, out, errs)
	}
	return out
}
