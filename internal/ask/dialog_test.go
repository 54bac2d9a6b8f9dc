//go:build !windows && !darwin

package ask

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programs makes a folder for PATH with these shell scripts in it; what they write to $D/… can be read there.
func programs(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, script := range scripts {
		script = "#!/bin/sh\nPATH=/usr/bin:/bin\nD=" + dir + "\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func recorded(t *testing.T, dir, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// A pinentry as the real ones are: it speaks Assuan, a line at a time.
const fakePinentry = `printf '%s\n' "$@" > $D/argv
echo OK Pleased to meet you
while read -r command rest; do
	printf '%s\n' "$command $rest" >> $D/said
	case $command in
	GETPIN) REPLY ;;
	BYE) echo OK closing connection; exit ;;
	*) echo OK ;;
	esac
done`

func fake(reply string) string { return strings.Replace(fakePinentry, "REPLY", reply, 1) }

// What pinentry 1.2.1 says when it finds neither a display nor a terminal.
const noTerminal = `echo "S ERROR curses.isatty 83918950"; echo "ERR 83918950 Inappropriate ioctl for device <Pinentry>"`

func TestDialogs(t *testing.T) {
	const zenityWithoutDisplay = `echo "Unable to init server" >&2; echo "(zenity:1): Gtk-WARNING **: cannot open display: :9" >&2; exit 1`
	for _, c := range []struct {
		name     string
		programs map[string]string
		want     string
		err      error
	}{
		{"pinentry", map[string]string{"pinentry": fake("echo 'D 123456'; echo OK")}, "123456", nil},
		{"pinentry escapes", map[string]string{"pinentry": fake("echo 'D a%25b%2Bc+d%0De f'; echo OK")}, "a%b+c+d\re f", nil},
		{"pinentry in parts", map[string]string{"pinentry": fake("echo '# a comment'; echo 'S x'; echo 'D 123'; echo 'D 456'; echo OK")}, "123456", nil},
		{"pinentry cancelled", map[string]string{"pinentry": fake("echo 'ERR 83886179 Operation cancelled <Pinentry>'")}, "", ErrCancelled},
		{"pinentry left empty", map[string]string{"pinentry": fake("echo OK")}, "", ErrCancelled},
		{"pinentry for terminals, then one for GNOME", map[string]string{
			"pinentry": fake(noTerminal), "pinentry-gnome3": fake("echo 'D 123456'; echo OK")}, "123456", nil},
		{"pinentry that crashes, then zenity", map[string]string{"pinentry": "echo OK; kill -SEGV $$", "zenity": "echo 123456"}, "123456", nil},
		{"no pinentry for terminals", map[string]string{"pinentry-curses": fake("echo 'D wrong'; echo OK"), "pinentry-tty": fake("echo 'D wrong'; echo OK")}, "", ErrNobody},
		{"zenity", map[string]string{"zenity": "echo ' 123456 '"}, "123456", nil},
		{"zenity cancelled", map[string]string{"zenity": "echo 'Gtk-Message: nothing' >&2; exit 1"}, "", ErrCancelled},
		{"zenity left empty", map[string]string{"zenity": "echo"}, "", ErrCancelled},
		{"zenity without a display", map[string]string{"zenity": zenityWithoutDisplay}, "", ErrNobody},
		{"zenity without a display, then kdialog", map[string]string{"zenity": zenityWithoutDisplay, "kdialog": "echo 123456"}, "123456", nil},
		{"kdialog", map[string]string{"kdialog": "echo 123456"}, "123456", nil},
		{"kdialog cancelled", map[string]string{"kdialog": "exit 1"}, "", ErrCancelled},
		{"kdialog without a display", map[string]string{"kdialog": "kill -ABRT $$"}, "", ErrNobody},
		{"nothing installed", nil, "", ErrNobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("DISPLAY", ":9")
			t.Setenv("PATH", programs(t, c.programs))
			got, err := onDesktop(t.Context(), "aws-accounts: code")
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestNoDisplayNoDialog(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	dir := programs(t, map[string]string{"pinentry": ": > $D/ran", "zenity": ": > $D/ran"})
	t.Setenv("PATH", dir)
	if _, err := onDesktop(t.Context(), "code"); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("a program was started")
	}
}

// The question of a hostile accounts file is text to each program.
func TestQuestionIsText(t *testing.T) {
	t.Setenv("DISPLAY", ":9")
	const question = "aws-accounts: code of a_b\\n<b>&%0A"
	for name, want := range map[string][]string{
		"zenity":  {"--entry", "--hide-text", "--title=aws-accounts", `--text=aws-accounts: code of a__b\\n<b>&%0A`},
		"kdialog": {"--title", "aws-accounts", "--password", `aws-accounts: code of a_b\n?b?&&%0A`},
	} {
		dir := programs(t, map[string]string{name: `printf '%s\n' "$@" > $D/argv; echo 123456`})
		t.Setenv("PATH", dir)
		if _, err := onDesktop(t.Context(), question); err != nil {
			t.Fatal(err)
		}
		if got := recorded(t, dir, "argv"); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	dir := programs(t, map[string]string{"pinentry": fake("echo 'D 123456'; echo OK")})
	t.Setenv("PATH", dir)
	if _, err := onDesktop(t.Context(), question); err != nil {
		t.Fatal(err)
	}
	want := []string{"SETTITLE aws-accounts", `SETDESC aws-accounts: code of a_b\n<b>&%250A`, "SETPROMPT Answer:", "GETPIN "}
	if got := recorded(t, dir, "said"); !slices.Equal(got[:4], want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := recorded(t, dir, "argv"); !slices.Equal(got, []string{""}) {
		t.Errorf("argv: %q", got)
	}
}

// Without a terminal, and in a job in the background, the dialog is shown: in a session of its own, with none of our files.
func TestDialogIsAlone(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"ask", "background"} {
		dir := programs(t, map[string]string{"zenity": `
			for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done > $D/files
			cut -d' ' -f6 /proc/$$/stat > $D/session; echo $$ >> $D/session
			(: < /dev/tty) 2> /dev/null && : > $D/terminal
			echo 123456`})
		s := begin(t, role, role == "background", "ASK_QUESTION=code", "DISPLAY=:9", "PATH="+dir)
		r := s.result()
		if r.Answer != "123456" {
			t.Fatalf("%+v", r)
		}
		for _, file := range recorded(t, dir, "files") {
			if slices.Contains(r.Standard, file) && file != os.DevNull {
				t.Errorf("the dialog holds %s, one of ours: %q", file, r.Standard)
			}
		}
		if ids := recorded(t, dir, "session"); ids[0] != ids[1] {
			t.Errorf("the dialog is %s, in the session of %s", ids[1], ids[0])
		}
		if _, err := os.Stat(filepath.Join(dir, "terminal")); err == nil {
			t.Error("the dialog has a terminal")
		}
	}
}

func TestDialogEndsWithTheTime(t *testing.T) {
	path, up, gone := lifeline(t)
	t.Setenv("DISPLAY", ":9")
	t.Setenv("PATH", programs(t, map[string]string{
		"zenity":  "(echo > " + path + "; sleep 300) > " + path + " & wait",
		"kdialog": ": > $D/second",
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		up()
		cancel()
	}()
	if _, err := onDesktop(ctx, "code"); !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	gone() // what the dialog started, too
	if _, err := os.Stat(filepath.Join(os.Getenv("PATH"), "second")); err == nil {
		t.Error("another dialog was started")
	}
}

func FuzzPinentryAnswer(f *testing.F) {
	const greeting = "OK Pleased to meet you\n"
	f.Add("OK\nOK\nOK\nD 123456\nOK\nOK closing connection\n", "a b")
	f.Add("OK\nERR 1 x\nOK\nERR 83886179 Operation cancelled <Pinentry>\n", "%")
	f.Add("D %zz\n", "+\r\n")
	f.Fuzz(func(t *testing.T, replies, secret string) {
		pinentryAnswer(greeting + replies)
		got, err := pinentryAnswer(fmt.Sprintf("%sOK\nOK\nOK\nD %s\nOK\n", greeting, url.PathEscape(secret)))
		if err != nil || got != secret {
			t.Errorf("%q came back as %q, %v", secret, got, err)
		}
	})
}
