//go:build !windows && !darwin

package browser

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFirefox(t *testing.T) {
	const address = "ext+container:name=dev&url=https%3A%2F%2Fx"
	desktop, both := t.TempDir(), t.TempDir()
	install(t, desktop, "xdg-open", "")
	install(t, both, "xdg-open", "exit 3")
	install(t, both, "firefox-esr", `test -z "$AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE" || exit 4`)
	t.Setenv("AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE", "hush")
	t.Setenv("WSL_DISTRO_NAME", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	for _, test := range []struct{ name, path, display, browser, want string }{
		{"beside another browser", both, ":0", "", ""},
		{"as $BROWSER", t.TempDir(), "", install(t, t.TempDir(), "librewolf-nightly", ""), ""},
		{"not installed", desktop, ":0", "", "no Firefox here, whose containers --container needs"},
		{"no desktop", both, "", "", "no browser here: no desktop"},
		{"$BROWSER isn't installed", both, ":0", "/nonexistent/one", "no browser here: $BROWSER names none that is installed"},
	} {
		notes := filepath.Join(t.TempDir(), "notes")
		t.Setenv("NOTES", notes)
		t.Setenv("PATH", test.path)
		t.Setenv("DISPLAY", test.display)
		t.Setenv("BROWSER", test.browser)
		open, err := Firefox()
		if test.want != "" {
			if err == nil || err.Error() != test.want {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err == nil {
			err = open(t.Context(), address)
		}
		if got, _ := os.ReadFile(notes); err != nil || string(got) != address+"|" {
			t.Errorf("%s: started with %q: %v", test.name, got, err)
		}
	}
	t.Setenv("PATH", both)
	t.Setenv("DISPLAY", "")
	t.Setenv("BROWSER", "")
	if _, err := Firefox(); !errors.Is(err, errNone) {
		t.Error(err)
	}
}
