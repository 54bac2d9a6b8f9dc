package nodbus_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "aws-accounts/cache" // what main imports, and with it the keyring library
)

// TestChild is the program under test: this test binary, which imports what main does.
func TestChild(t *testing.T) {
	if os.Getenv("NODBUS_CHILD") == "" {
		return
	}
	value, set := os.LookupEnv("DBUS_SESSION_BUS_ADDRESS")
	fmt.Printf("bus %t %q\n", set, value)
}

// launcher is a folder for PATH with a dbus-launch that leaves a mark, and the way to ask for the mark.
func launcher(t *testing.T) (dir string, started func() bool) {
	t.Helper()
	dir = t.TempDir()
	mark := filepath.Join(dir, "started")
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte("#!/bin/sh\n: > "+mark+"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, func() bool {
		_, err := os.Stat(mark)
		return err == nil
	}
}

func environment(path string, more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "DBUS_SESSION_BUS_ADDRESS=") || strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "DISABLE_KWALLET=")
	})
	return append(append(env, "PATH="+path), more...)
}

func busOfTheUser() bool {
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return true
		}
	}
	return false
}

func TestNoBusIsLaunched(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "DBUS_SESSION_BUS_ADDRESS=", "DBUS_SESSION_BUS_ADDRESS=autolaunch:", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			path, started := launcher(t)
			cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
			cmd.Env = environment(path, "NODBUS_CHILD=1")
			if address != "" {
				cmd.Env = append(cmd.Env, address)
			}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if started() {
				t.Error("dbus-launch was started")
			}
			if strings.Contains(string(out), "disabled:") {
				t.Errorf("the programs that we start would inherit the dead address: %s", out)
			}
			if strings.HasSuffix(address, "/nonexistent") && !strings.Contains(string(out), "/nonexistent") {
				t.Errorf("the user's own address was changed: %s", out)
			}
		})
	}
}

// TestOrder holds what the above rests on, also where there is a bus and nothing would be launched.
func TestOrder(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "NODBUS_CHILD=1", "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	guard := strings.Index(trace.String(), "init aws-accounts/internal/nodbus @")
	library := strings.Index(trace.String(), "init github.com/99designs/keyring @")
	if guard < 0 || library < 0 || guard > library {
		t.Errorf("nodbus is not initialised before the keyring library:\n%s", trace.String())
	}
}

// TestTheLibraryStillNeedsIt: without the guard the library launches a bus. If this fails, the package may go.
func TestTheLibraryStillNeedsIt(t *testing.T) {
	t.Parallel()
	if busOfTheUser() {
		t.Log("NOT TESTED: this user has a session bus, so nothing would be launched")
		return
	}
	program := filepath.Join(t.TempDir(), "unguarded")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/unguarded").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path, started := launcher(t)
	cmd := exec.Command(program)
	cmd.Env = environment(path)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if !started() {
		t.Error("the library did not start dbus-launch")
	}
}
