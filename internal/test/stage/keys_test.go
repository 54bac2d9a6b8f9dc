package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

const keysAccounts = `{"accounts": [
  {"name": "main", "account_id": "` + MainAccount + `"},
  {"name": "dev", "role_arn": "` + DevRole + `"}
]}`

// keysHome is a home whose main account begins with a key in the keychain, and in nothing else.
func keysHome(t *testing.T, world standin.Config, keychain ...string) (*Home, *standin.Server) {
	t.Helper()
	aws := standin.Start(t, world)
	if keychain == nil {
		keychain = FileKeychain()
	}
	h := NewHome(t, aws, keychain...)
	h.Accounts(keysAccounts)
	h.MustRun("aws-accounts", "keys", "import", "--remove")
	aws.ResetCalls()
	return h, aws
}

// A key of China is known in its own regions alone. Where its profile named one, that is kept when the key leaves the profile;
// without it the key would be called deleted.
func TestImportKeepsTheRegion(t *testing.T) {
	t.Parallel()
	const role = "arn:aws-cn:iam::" + DevAccount + ":role/Admin"
	world := standin.Config{
		Accounts: []standin.Account{{ID: MainAccount, Partition: "aws-cn"}, {ID: DevAccount, Partition: "aws-cn"}},
		Users:    []standin.User{{Account: MainAccount, Name: User}},
		Roles:    []standin.Role{{ARN: role, Trust: standin.Trust{Principals: []string{MainAccount}}}},
	}
	for _, c := range []struct{ name, profile, config, entry, region, command string }{
		{"another profile", "work", "[default]\nregion = eu-west-1\n[profile work]\nregion = cn-north-1\n", "", "", "keys import work --remove"},
		{"the default profile", "default", "[default]\nregion = cn-northwest-1\n", "", "", "keys import --remove"},
		{"the environment alone", "work", "", "", "cn-north-1", "keys import work --remove"},
		{"its own region", "work", "[profile work]\nregion = cn-north-1\n", `, "region": "cn-northwest-1"`, "", "keys import work --remove"},
		{"init", "work", "[profile work]\nregion = cn-north-1\n", "", "", "init --yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, world)
			h := NewHome(t, aws, append(FileKeychain(), "AWS_REGION="+c.region)...)
			key := aws.Key(User)
			h.Write(".aws/config", c.config)
			h.Write(".aws/credentials", fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", c.profile, key.ID, key.Secret))
			h.Accounts(fmt.Sprintf(`{"accounts": [{"name": "main", "credentials": {"profile": %q}%s}, {"name": "dev", "role_arn": %q}]}`,
				c.profile, c.entry, role))
			h.MustRun("aws-accounts", strings.Fields(c.command)...)
			h.Write(".aws/config", "")
			h.Env = append(h.Env, "AWS_REGION=")
			if out := h.MustRun("aws-accounts", "whoami", "main"); !strings.Contains(out, "arn:aws-cn:iam::"+MainAccount+":user/"+User) {
				t.Error(out)
			}
			h.MustRun("aws-accounts", "process", "dev")
			h.MustRun("aws-accounts", "keys", "rotate", "main")
		})
	}
}

// noTrace is NoSecrets without its exception for ~/.aws/credentials: the secrets are in no file at all.
func noTrace(t *testing.T, h *Home, aws *standin.Server) {
	t.Helper()
	err := filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(aws.Marker())) {
			err = fmt.Errorf("%s holds the marker", path)
		}
		if err == nil {
			err = hasNone(string(data), path, aws)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// stored is what `keys list` says of main.
func stored(t *testing.T, h *Home) (id, state string) {
	t.Helper()
	var list []struct {
		AccessKeyID string `json:"access_key_id"`
		State       string `json:"state"`
	}
	if err := json.Unmarshal([]byte(h.MustRun("aws-accounts", "keys", "list", "--json")), &list); err != nil || len(list) != 1 {
		t.Fatalf("%v %+v", err, list)
	}
	return list[0].AccessKeyID, list[0].State
}

// works: what is in the keychain gets credentials, for the account and for a role, whatever is cached.
func works(t *testing.T, h *Home) {
	t.Helper()
	for _, name := range []string{"main", "dev"} {
		if _, stderr, status := h.Run("aws-accounts", "assume", name, "--refresh"); status != 0 {
			t.Errorf("%s has no working key:\n%s", name, stderr)
		}
	}
}

// A home where everything was used after `keys import --remove` has the secret in no file, whatever the keychain.
func TestKeysLeaveNoTrace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"file", "secret-service"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keychain := FileKeychain()
			if name == "secret-service" {
				keychain = Keyring(t).Env()
			}
			h, aws := keysHome(t, World(), keychain...)
			h.MustRun("aws-accounts", "setup")
			works(t, h)
			h.MustRun("aws-accounts", "process", "dev")
			h.MustRun("aws-accounts", "--debug", "keys", "rotate", "main")
			works(t, h)
			h.MustRun("aws-accounts", "keys", "list")
			h.MustRun("aws-accounts", "log")
			before, _ := stored(t, h)
			// A damaged accounts file or a refusal says no more.
			aws.Fault(standin.Fault{Operation: "DeleteAccessKey", Kind: standin.AccessDenied})
			stdout, stderr, status := h.Run("aws-accounts", "--debug", "keys", "rotate", "main")
			if status != 1 || !strings.Contains(stderr, before) {
				t.Errorf("exit %d\n%s", status, stderr)
			}
			if strings.Contains(stdout+stderr, aws.Marker()) {
				t.Error("a secret is in what it said")
			}
			noTrace(t, h, aws)
			h.MustRun("aws-accounts", "keys", "remove", "main", "--yes")
			if _, _, status := h.Run("aws-accounts", "process", "dev"); status != 1 {
				t.Error("a session outlives the removal of its key")
			}
		})
	}
}

// lost makes AWS do a thing and lose its answer, then say nothing when it's asked for another, after so many answers to that.
func lost(operation, then string, answers int) []standin.Fault {
	faults := []standin.Fault{{Operation: operation, Kind: standin.ResetMidAnswer, Count: 1}}
	if answers > 0 {
		faults = append(faults, standin.Fault{Operation: then, Kind: standin.Slow, Count: answers}) // by no time
	}
	return append(faults, silent(then)...)
}

func silent(operation string) []standin.Fault {
	return []standin.Fault{{Operation: operation, Kind: standin.Silent, Count: 1}}
}

// Each step of a rotation is the last before SIGKILL: what is left has a working key, and the same command finishes with
// exactly one active key.
func TestRotateKilled(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		name   string
		faults []standin.Fault
		unborn bool   // keys that AWS makes don't become valid while this runs
		at     string // the call during which it is killed
		nth    int
		state  string // of the item afterwards
		keys   int    // at AWS afterwards
	}{
		{"before anything", silent("ListAccessKeys"), false, "ListAccessKeys", 1, "ok", 1},
		{"about to create", silent("CreateAccessKey"), false, "CreateAccessKey", 1, "rotating", 1},
		{"created, and the secret lost", lost("CreateAccessKey", "ListAccessKeys", 1), false, "ListAccessKeys", 2, "rotating", 2},
		{"the lost one deleted", lost("CreateAccessKey", "CreateAccessKey", 0), false, "CreateAccessKey", 2, "rotating", 1},
		{"created and stored", nil, true, "GetCallerIdentity", 2, "rotating", 2},
		{"switched", silent("UpdateAccessKey"), false, "UpdateAccessKey", 1, "rotating", 2},
		{"deactivated, and not told", lost("UpdateAccessKey", "UpdateAccessKey", 0), false, "UpdateAccessKey", 2, "rotating", 2},
		{"deactivated", silent("DeleteAccessKey"), false, "DeleteAccessKey", 1, "rotating", 2},
		{"deleted, and not told", lost("DeleteAccessKey", "DeleteAccessKey", 0), false, "DeleteAccessKey", 2, "rotating", 1},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			world := World()
			if step.unborn {
				world.NewKeyDelaySeconds = 60
			}
			h, aws := keysHome(t, world)
			for _, f := range step.faults {
				aws.Fault(f)
			}
			cmd := h.Command("aws-accounts", "keys", "rotate", "main")
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := aws.WaitCalls(ctx, step.at, step.nth)
			cmd.Process.Kill()
			cmd.Wait()
			if err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			aws.ClearFaults()

			if id, state := stored(t, h); state != step.state {
				t.Errorf("%s is %s, want %s", id, state, step.state)
			}
			if keys := aws.AccessKeys(User); len(keys) != step.keys {
				t.Errorf("%d keys at AWS, want %d: %v", len(keys), step.keys, ids(keys))
			}
			works(t, h)
			if step.unborn {
				aws.Advance(time.Minute)
			}
			finishes(t, h, aws)
			noTrace(t, h, aws)
		})
	}
}

func ids(keys []standin.AccessKey) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.ID+" "+k.Status)
	}
	return ids
}

// finishes: the command, run again, leaves one key at AWS, active, and that's the one in the keychain.
func finishes(t *testing.T, h *Home, aws *standin.Server) {
	t.Helper()
	h.MustRun("aws-accounts", "keys", "rotate", "main")
	id, state := stored(t, h)
	keys := aws.AccessKeys(User)
	if len(keys) != 1 || keys[0].ID != id || keys[0].Status != "Active" || state != "ok" {
		t.Errorf("the keychain has %s, %s; AWS has %v", id, state, ids(keys))
	}
	works(t, h)
}

// Whatever call fails, however: a working key stays, the error says in which state all is, and running again finishes.
func TestRotateFails(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"} {
		for _, kind := range []standin.Kind{standin.AccessDenied, standin.Throttle, standin.ServerError, standin.Reset, standin.Truncate, standin.HTML} {
			switch {
			case kind == standin.HTML && (operation == "UpdateAccessKey" || operation == "DeleteAccessKey"):
				continue // AWS's own answer says no more than that it's done, and here it is
			case kind == standin.AccessDenied && operation == "UpdateAccessKey":
				continue // then it is deleted without: TestRotateWithoutThePermission
			}
			t.Run(operation+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				h, aws := keysHome(t, World())
				aws.Fault(standin.Fault{Operation: operation, Kind: kind})
				stdout, stderr, status := h.Run("aws-accounts", "keys", "rotate", "main")
				id, _ := stored(t, h)
				if status != 1 || !strings.Contains(stderr, "; "+id+" ") || !strings.Contains(stderr, "\nhint: ") {
					t.Errorf("exit %d\n%s%s", status, stdout, stderr)
				}
				t.Log(stderr)
				if err := hasNone(stdout+stderr, "what it said", aws); err != nil {
					t.Error(err)
				}
				aws.ClearFaults()
				works(t, h)
				finishes(t, h, aws)
			})
		}
	}
}

// AWS takes its time to make a new key known: the old one stays in use until it has.
func TestRotateWaits(t *testing.T) {
	t.Parallel()
	world := World()
	world.NewKeyDelayCalls = 4
	h, aws := keysHome(t, world)
	finishes(t, h, aws)
	if n := aws.CallsWith("GetCallerIdentity", "InvalidClientTokenId"); n < 4 {
		t.Errorf("%d refusals", n)
	}
	if n := aws.CallsWith("UpdateAccessKey", "InvalidClientTokenId"); n != 0 {
		t.Errorf("IAM refused the new key %d times", n)
	}
}

// A second key that isn't the rotation's is left alone and named, even if it appears while one is unfinished.
func TestRotateThirdKey(t *testing.T) {
	t.Parallel()
	world := World()
	world.Users[0].Keys = []standin.AccessKey{{}, {ID: "AKIAIOSFODNN7EXAMPLE", Status: "Inactive"}}
	h, aws := keysHome(t, world)
	for range 2 {
		_, stderr, status := h.Run("aws-accounts", "keys", "rotate", "main")
		if status != 1 || !strings.Contains(stderr, "main: user/alice has two access keys, which is as many as AWS allows: ") ||
			!strings.Contains(stderr, "AKIAIOSFODNN7EXAMPLE (inactive, made 20") ||
			!strings.Contains(stderr, "hint: if nobody uses AKIAIOSFODNN7EXAMPLE, delete it at https://") {
			t.Errorf("exit %d\n%s", status, stderr)
		}
	}
	if keys := aws.AccessKeys(User); len(keys) != 2 || aws.Calls("CreateAccessKey") != 0 {
		t.Errorf("%v", ids(keys))
	}
	if _, state := stored(t, h); state != "ok" {
		t.Error(state)
	}
}

// Ctrl-C ends a rotation with the state that it is in.
func TestRotateInterrupted(t *testing.T) {
	t.Parallel()
	world := World()
	world.NewKeyDelaySeconds = 3600
	h, aws := keysHome(t, world)
	cmd := h.Command("aws-accounts", "keys", "rotate", "main")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := aws.WaitCalls(t.Context(), "GetCallerIdentity", 2); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(os.Interrupt)
	exit, _ := errors.AsType[*exec.ExitError](cmd.Wait())
	if exit == nil || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), " stays in use, and AKIA") || !strings.Contains(stderr.String(), "goes on from here") {
		t.Errorf("%v\n%s", exit, &stderr)
	}
	works(t, h)
}

// An account with an MFA device rotates with its session: IAM may demand one.
func TestRotateMFA(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	h.Accounts(`{"accounts": [{"name": "main", "credentials": {"keychain": true}, "mfa_serial": "` + MFASerial + `"}]}`)
	h.MustRun("aws-accounts", "keys", "rotate", "main", "--mfa-code", aws.MFACode(MFASerial))
	if n := aws.Calls("GetSessionToken"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	for _, call := range aws.Log() {
		if call.Service == "iam" && !strings.HasPrefix(call.AccessKey, "ASIA") {
			t.Errorf("%s was signed with %s", call.Operation, call.AccessKey)
		}
	}
	if id, state := stored(t, h); len(aws.AccessKeys(User)) != 1 || aws.AccessKeys(User)[0].ID != id || state != "ok" {
		t.Errorf("%s %s, %v", id, state, ids(aws.AccessKeys(User)))
	}
}

// import --remove, killed at each call: the key is in the file or in the keychain, mostly in both, and running again finishes.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	for n := range 2 {
		t.Run(fmt.Sprintf("call %d", n+1), func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, World())
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(keysAccounts)
			for range n {
				aws.Fault(standin.Fault{Operation: "GetCallerIdentity", Kind: standin.Slow, Count: 1})
			}
			aws.Fault(standin.Fault{Operation: "GetCallerIdentity", Kind: standin.Silent})
			cmd := h.Command("aws-accounts", "keys", "import", "--account=main", "--remove")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := aws.WaitCalls(ctx, "GetCallerIdentity", n+1)
			cmd.Process.Kill()
			cmd.Wait()
			if err != nil {
				t.Fatal(err)
			}
			aws.ClearFaults()
			works(t, h)
			h.MustRun("aws-accounts", "keys", "import", "--account=main", "--remove")
			works(t, h)
			noTrace(t, h, aws)
		})
	}
}

// Half an item is an error with one next step, which mends it.
func TestKeysHalfAnItem(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	key := aws.Key(User)
	items := slices.DeleteFunc(filesBelow(t, filepath.Join(h.Dir, ".local/state/aws-accounts/keychain")), func(path string) bool {
		return strings.Contains(filepath.Base(path), ".") // the store's key and its lock; an item is called by a hash
	})
	if len(items) != 1 {
		t.Fatalf("which is the item? %v", items)
	}
	data, err := os.ReadFile(items[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(items[0], data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := h.Run("aws-accounts", "process", "dev")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "main: reading its access key") || !strings.Contains(stderr, "hint: `aws-accounts keys add main --replace`") {
		t.Errorf("exit %d\n%s", status, stderr)
	}
	if out := h.MustRun("aws-accounts", "keys", "list"); !strings.Contains(out, "damaged") {
		t.Error(out)
	}
	h.Env = append(h.Env, "AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret)
	h.MustRun("aws-accounts", "keys", "add", "main", "--from-environment", "--replace")
	works(t, h)
}

func filesBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
