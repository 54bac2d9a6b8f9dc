//go:build !windows

package browser

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const page = "https://oidc.example/authorize?state=a&scopes=b%20c"

// install puts a browser into dir that notes what it was started with, and which of our files it holds.
func install(t *testing.T, dir, name, rest string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	script := "#!/bin/sh\nprintf '%s|' \"$@\" >>\"$NOTES\"\n" + rest + "\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNamed(t *testing.T) {
	dir := t.TempDir()
	mine := install(t, dir, "mine", "")
	blank := install(t, dir, "with blank", "")
	for _, test := range []struct{ variable, want string }{
		{mine, page + "|"},
		{blank, page + "|"},
		{"mine --new-window", "--new-window|" + page + "|"},
		{"mine --url=%s -x", "--url=" + page + "|-x|"},
		{"/nonexistent/one::mine", page + "|"},
	} {
		notes := filepath.Join(t.TempDir(), "notes")
		t.Setenv("NOTES", notes)
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		t.Setenv("BROWSER", test.variable)
		if err := Available(); err != nil {
			t.Errorf("%s: %v", test.variable, err)
		}
		if err := Open(t.Context(), page); err != nil {
			t.Errorf("%s: %v", test.variable, err)
		}
		if got, _ := os.ReadFile(notes); string(got) != test.want {
			t.Errorf("%s: started with %q, want %q", test.variable, got, test.want)
		}
	}
}

func TestNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("BROWSER", "/nonexistent/one:nonexistent")
	if err := Available(); !errors.Is(err, errNone) {
		t.Error(err)
	}
	if err := Open(t.Context(), page); !errors.Is(err, errNone) {
		t.Error(err)
	}
}

func TestFails(t *testing.T) {
	t.Setenv("NOTES", "/dev/null")
	t.Setenv("BROWSER", install(t, t.TempDir(), "broken", "exit 3"))
	if err := Open(t.Context(), page); err == nil || err.Error() != "broken: exit status 3" {
		t.Error(err)
	}
}

// A browser lives longer than we do, in a session of its own and with none of our files.
func TestDetached(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("/proc is Linux's")
		return
	}
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	t.Setenv("NOTES", "/dev/null")
	t.Setenv("BROWSER", install(t, dir, "curious", "files=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)\necho \"$files\" >"+notes+"\ncut -d' ' -f1,6 /proc/$$/stat >>"+notes))
	if err := Open(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(notes)
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 4 || lines[0] != "/dev/null" || lines[1] != "/dev/null" || lines[2] != "/dev/null" {
		t.Fatalf("its files are %q", lines)
	}
	if pid, session, _ := strings.Cut(lines[3], " "); pid != session {
		t.Errorf("process %s is in session %s", pid, session)
	}
}

func TestDesktop(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Setenv("BROWSER", "")
		t.Setenv("SSH_CONNECTION", "192.0.2.1 4711 192.0.2.2 22")
		if err := Available(); !errors.Is(err, errNone) {
			t.Error(err)
		}
		return
	}
	with := t.TempDir()
	install(t, with, "xdg-open", "")
	install(t, with, "wslview", "")
	without := t.TempDir()
	for _, test := range []struct {
		name, path, display, wayland, wsl, want string
	}{
		{"a desktop", with, ":0", "", "", ""},
		{"Wayland", with, "", "wayland-0", "", ""},
		{"Windows around us", with, "", "", "Debian", ""},
		{"SSH, a container, a service", with, "", "", "", "no browser here: no desktop"},
		{"a desktop without xdg-open", without, ":0", "", "", "no browser here: no xdg-open"},
		{"WSL without wslview", without, "", "", "Debian", "no browser here: no wslview"},
	} {
		for name, value := range map[string]string{"BROWSER": "", "PATH": test.path, "DISPLAY": test.display, "WAYLAND_DISPLAY": test.wayland, "WSL_DISTRO_NAME": test.wsl} {
			t.Setenv(name, value)
		}
		got := ""
		if err := Available(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
