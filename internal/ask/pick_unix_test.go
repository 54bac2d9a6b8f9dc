//go:build !windows

package ask

import (
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestPickAtTheTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, keys string
		want       result
		left       string // of it on the terminal
	}{
		{"chosen", "prod\x1b[B\r", result{Answer: "prod-eu"}, "\r\x1b[Jaws-accounts: Account: prod-eu\r\n"},
		{"the rest of what is pasted isn't for the shell", "dev\rrm -r x\r", result{Answer: "dev"}, "aws-accounts: Account: dev\r\n"},
		{"Escape", "prod\x1b", result{Err: "cancelled", Cancelled: true}, "\r\x1b[J"},
		{"Ctrl-C", "prod\x03", result{Err: "cancelled", Cancelled: true}, "\r\x1b[J"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, "ask", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm")
			s.until("5 of 5  (Enter chooses, Esc leaves)")
			if echoes(s.slave) {
				t.Error("the echo is on")
			}
			s.typed(c.keys)
			got := s.result()
			if got.Answer != c.want.Answer || got.Err != c.want.Err || got.Cancelled != c.want.Cancelled {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if s.modes() != s.before {
				t.Error("the terminal isn't as it was")
			}
			s.until(c.left)
			if s.shown != "" {
				t.Errorf("then %q", s.shown)
			}
		})
	}
}

// However it ends, the terminal is as it was.
func TestPickIsEnded(t *testing.T) {
	t.Parallel()
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
		s := begin(t, "ask", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm")
		s.until("5 of 5")
		s.cmd.Process.Signal(signal)
		if r := s.result(); !r.Cancelled {
			t.Errorf("%v: %+v", signal, r)
		}
		if s.modes() != s.before {
			t.Errorf("%v: the terminal isn't as it was", signal)
		}
	}
	s := begin(t, "ask", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm")
	s.until("5 of 5")
	s.master.Close()
	if r := s.result(); !r.Cancelled {
		t.Errorf("%+v", r)
	}
}

func TestPickSuspended(t *testing.T) {
	t.Parallel()
	s := begin(t, "shell", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm")
	s.until("5 of 5")
	s.typed("pro")
	s.until("2 of 5")
	s.typed("\x1a")
	if r := s.result(); !r.Stopped || !r.Echo {
		t.Fatalf("%+v", r)
	}
	s.until("Account: pro")
	s.typed("d-eu\r")
	if r := s.result(); r.Answer != "prod-eu" {
		t.Errorf("%+v", r)
	}
	if s.modes() != s.before {
		t.Error("the terminal isn't as it was")
	}
}

// A terminal that has become narrower shows it anew without a key.
func TestPickResized(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm", "NO_COLOR=1")
	s.until("Main AWS Account")
	if err := pty.Setsize(s.slave, &pty.Winsize{Cols: 20, Rows: 6}); err != nil {
		t.Fatal(err)
	}
	s.until("> main")
	s.until("5 of 5\x1b[J")
	s.typed("\r")
	if r := s.result(); r.Answer != "main" {
		t.Errorf("%+v", r)
	}
}

func TestPickColour(t *testing.T) {
	t.Parallel()
	for env, row := range map[string]string{"NO_COLOR=": "\x1b[1m> main\x1b[0m ", "NO_COLOR=1": "> main "} {
		s := begin(t, "ask", true, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM=xterm", env)
		s.until("\r\n" + row)
		s.typed("\x1b")
		s.result()
	}
}

func TestPickHasNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		terminal bool
		term     string
		want     string
	}{
		{false, "xterm", "nobody to ask: no terminal"},
		{true, "dumb", "nobody to ask: this terminal can't show a list (TERM=dumb)"},
	} {
		s := begin(t, "ask", c.terminal, "ASK_HOW=pick", "ASK_QUESTION=Account", "TERM="+c.term)
		if r := s.result(); !r.Nobody || r.Err != c.want || strings.Contains(s.shown, "Account") {
			t.Errorf("%+v", r)
		}
	}
}
