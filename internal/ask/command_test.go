//go:build !windows

package ask

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/hint"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, command, want, err string
	}{
		{"a code", "echo 123456", "123456", ""},
		{"the first line, as it is", `printf ' pass word \r\nlogin: me\n'`, " pass word ", ""},
		{"no line end", "printf 123456", "123456", ""},
		{"an empty standard input", "cat; echo 123456", "123456", ""},
		{"a pipeline", "echo x 123456 | cut -d' ' -f2", "123456", ""},
		{"an agent that stays and holds the pipe", "sleep 300 & echo $!; kill -STOP $!", "", ""},
		{"more than anybody needs", "yes 123456 | head -c 1000000", "123456", ""},
		{"it fails, and says a secret", "echo secret; echo secret >&2; exit 3", "", "it ended with exit status 3"},
		{"it isn't there", "/nonexistent/ykman oath secret", "", "command not found"},
		{"it goes on when it has answered", "echo 123456; exec sleep 300", "123456", ""},
		{"so does what it has started", "(echo 123456; sleep 300) & wait", "123456", ""},
		{"it fails after it has answered", "echo 123456; sleep .3; exit 3", "", "it ended with exit status 3"},
		{"nothing", "true", "", "it printed nothing"},
		{"a signal", "kill -9 $$", "", "signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := Asker{Never: true}
			began := time.Now()
			got, err := a.Command(t.Context(), c.command)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if c.name == "an agent that stays and holds the pipe" {
				if err != nil {
					t.Fatal(err)
				}
				_, err = a.Command(t.Context(), "kill -9 "+got+"; echo killed")
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got != c.want || (c.err == "") != (err == nil) || err != nil && err.Error() != c.err {
				t.Errorf("got %q, %v; want %q, %q", got, err, c.want, c.err)
			}
			if strings.Contains(hint.Of(err), "secret") {
				t.Error(hint.Of(err))
			}
		})
	}
}

func TestCommandDoesNotGoRound(t *testing.T) {
	t.Setenv("AWS_PROFILE", "dev")
	t.Setenv("AWS_DEFAULT_PROFILE", "dev")
	const command = `echo "$AWS_PROFILE$AWS_DEFAULT_PROFILE$AWS_ACCOUNTS_COMMANDS"`
	a := Asker{Never: true}
	mark, err := a.Command(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(mark, "dev") {
		t.Error("the command would ask with the profile that asks us")
	}
	t.Setenv(commandsVariable, "another "+mark)
	if _, err := a.Command(t.Context(), "echo 1"); err != nil {
		t.Error(err)
	}
	if _, err := a.Command(t.Context(), command); err == nil || err.Error() != "it calls aws-accounts, which would run it again" {
		t.Error(err)
	}
}

func TestCommandEndsWithTheTime(t *testing.T) {
	t.Parallel()
	path, up, gone := lifeline(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		up()
		cancel()
	}()
	a := Asker{Never: true}
	if _, err := a.Command(ctx, "(echo > "+path+"; sleep 300) > "+path+" & wait"); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
	gone() // what the command started, too
}

// A command of the user's own may ask at the terminal, as ykman does for the passphrase of the key.
func TestCommandAtTheTerminal(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_HOW=command", `ASK_COMMAND=printf 'PIN: ' > /dev/tty; read -r pin < /dev/tty; echo "$pin-123456"`)
	s.until("PIN: ")
	s.typed("42\n")
	if r := s.result(); r.Answer != "42-123456" {
		t.Errorf("%+v", r)
	}
}

// What a command says besides its answer, such as when to touch the key, is for the person at the terminal alone.
func TestCommandTellsAtTheTerminal(t *testing.T) {
	t.Parallel()
	const long = 100_000 // more than a terminal takes at once: it waits, and loses nothing
	for _, c := range []struct {
		name, role, command string
		env                 []string
		shown               string
	}{
		{"a word", "ask", "echo 'Touch your key' >&2; echo 123456", nil, "Touch your key\r\n"},
		{"much", "ask", "head -c 100000 /dev/zero | tr '\\0' x >&2 && echo 123456", nil, strings.Repeat("x", long)},
		{"asking is forbidden", "ask", "echo 'Touch your key' >&2; echo 123456", []string{"ASK_NEVER=1"}, ""},
		{"not in the foreground", "background", "echo 'Touch your key' >&2; echo 123456", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, c.role, true, append(c.env, "ASK_HOW=command", "ASK_COMMAND="+c.command)...)
			before := ""
			if c.shown != "" {
				before = s.until(c.shown)
			}
			if r := s.result(); r.Answer != "123456" {
				t.Errorf("%+v", r)
			}
			s.slave.WriteString("<end>")
			if after := s.until("<end>"); before+after != "" {
				t.Errorf("the terminal shows %q and %q besides", before, after)
			}
		})
	}
}

func TestCommandKilledAtItsPrompt(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{"the time is up": "", "ctrl-c": "\x03"} {
		limit := "20s"
		if keys == "" {
			limit = "500ms"
		}
		s := begin(t, "ask", true, "ASK_HOW=command", "ASK_LIMIT="+limit, `ASK_COMMAND=stty -echo < /dev/tty; printf 'PIN: ' > /dev/tty; read -r pin < /dev/tty`)
		s.until("PIN: ")
		s.typed(keys)
		if r := s.result(); r.Deadline != (keys == "") || r.Cancelled != (keys != "") {
			t.Errorf("%s: %+v", name, r)
		}
		if s.modes() != s.before {
			t.Errorf("%s: the terminal isn't as it was", name)
		}
	}
}
