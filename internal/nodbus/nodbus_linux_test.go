package nodbus

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDiscover(t *testing.T) {
	t.Parallel()
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, string)
		want    string // DIR stands for the folder
	}{
		"nothing":          {func(*testing.T, string) {}, "disabled:"},
		"the user's bus":   {write("bus", ""), "unix:path=DIR/bus"},
		"an older Ubuntu":  {write("dbus-session", "DBUS_SESSION_BUS_ADDRESS=unix:abstract=/tmp/dbus-x\n"), "unix:abstract=/tmp/dbus-x"},
		"something else":   {write("dbus-session", "x"), "disabled:"},
		"an empty address": {write("dbus-session", "DBUS_SESSION_BUS_ADDRESS=\n"), "disabled:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			test.prepare(t, dir)
			want := test.want
			if want == "unix:path=DIR/bus" {
				want = "unix:path=" + dir + "/bus"
			}
			if got := discover(dir); got != want {
				t.Errorf("discover: %q, want %q", got, want)
			}
		})
	}
}
