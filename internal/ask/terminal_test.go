//go:build !windows

package ask

import (
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
)

func TestAtTheTerminal(t *testing.T) {
	t.Parallel()
	const prompt = "aws-accounts: MFA code of arn:aws:iam::123456789012:mfa/me for dev: "
	for _, c := range []struct {
		name, how string
		until     string // what is shown before keys are typed
		keys      string
		echo      bool // while it is typed
		want      result
		shown     string // after the keys
	}{
		{"a secret", "secret", prompt, "123456\n", false, result{Answer: "123456"}, "\r\n"},
		{"a secret pasted with blanks around it", "secret", prompt, " 123456 \r\n", false, result{Answer: "123456"}, "\r\n"},
		{"a secret corrected", "secret", prompt, "12x\x7f3456\n", false, result{Answer: "123456"}, "\r\n"},
		{"a long secret", "secret", prompt, strings.Repeat("s", 1000) + "\n", false, result{Answer: strings.Repeat("s", 1000)}, "\r\n"},
		{"an empty secret", "secret", prompt, "\n", false, result{Err: "cancelled", Cancelled: true}, "\r\n"},
		{"ctrl-d", "secret", prompt, "\x04", false, result{Err: "cancelled", Cancelled: true}, "\r\n"},
		{"ctrl-c", "secret", prompt, "123\x03", false, result{Err: "cancelled", Cancelled: true}, "\r\n"},
		{"ctrl-backslash", "secret", prompt, "123\x1c", false, result{Err: "cancelled", Cancelled: true}, "\r\n"},
		{"a line", "line", prompt, "AKIA\n", true, result{Answer: "AKIA"}, "AKIA\r\n"},
		{"an empty line", "line", prompt, "\n", true, result{Err: "cancelled", Cancelled: true}, "\r\n"},
		{"ctrl-c at a line", "line", prompt, "12\x03", true, result{Err: "cancelled", Cancelled: true}, "^C\r\n"},
		{"yes", "confirm", "dev [Y/n] ", "YES\n", true, result{Answer: "yes"}, "YES\r\n"},
		{"no", "confirm", "dev [Y/n] ", "n\n", true, result{Answer: "no"}, "n\r\n"},
		{"enter", "confirm", "dev [Y/n] ", "\n", true, result{Answer: "yes"}, "\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, "ask", true, "ASK_HOW="+c.how, "ASK_QUESTION=MFA code of arn:aws:iam::123456789012:mfa/me for dev")
			s.until(c.until)
			if echoes(s.slave) != c.echo {
				t.Errorf("echo is %t", !c.echo)
			}
			s.typed(c.keys)
			got := s.result()
			got.Milliseconds, got.Standard = 0, nil
			if got.Answer != c.want.Answer || got.Err != c.want.Err || got.Cancelled != c.want.Cancelled {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if s.modes() != s.before {
				t.Error("the terminal isn't as it was")
			}
			s.until(c.shown)
			if s.shown != "" {
				t.Errorf("then %q", s.shown)
			}
		})
	}
}

func TestConfirmAsksAgain(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_HOW=confirm", "ASK_QUESTION=Really")
	s.until("aws-accounts: Really [Y/n] ")
	s.typed("maybe\n")
	s.until("aws-accounts: Really [Y/n] ")
	s.typed("no\n")
	if r := s.result(); r.Answer != "no" {
		t.Errorf("%+v", r)
	}
}

// A question breaks at words, and leaves a cell for the answer.
func TestQuestionWraps(t *testing.T) {
	t.Parallel()
	for how, last := range map[string]string{"confirm": "and hour? [Y/n] ", "line": "and hour?: "} {
		s := begin(t, "later", true, "ASK_HOW="+how, "ASK_QUESTION=One code instead of one for each role and hour?")
		if err := pty.Setsize(s.slave, &pty.Winsize{Cols: 40, Rows: 6}); err != nil {
			t.Fatal(err)
		}
		s.stdin.Write([]byte("!"))
		s.until("aws-accounts: One code instead of one\r\nfor each role " + last)
		s.typed("y\n")
		s.result()
	}
}

func TestQuestionCannotMoveTheCursor(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_QUESTION=code of \x1b[2Jx\r\ny\u202ez")
	s.until("aws-accounts: code of ?[2Jx??y?z: ")
	s.typed("1\n")
	s.result()
}

func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_LIMIT=200ms", "ASK_QUESTION=code")
	s.until("code: ")
	s.typed("12")
	s.until("\r\naws-accounts: nobody answered in time\r\n")
	if r := s.result(); !r.Deadline || r.Err != "nobody answered in time" {
		t.Errorf("%+v", r)
	}
	if s.modes() != s.before {
		t.Error("the terminal isn't as it was")
	}
}

// What is typed before the question was meant for something else, and the rest of what is pasted isn't for the shell.
func TestOnlyTheAnswerIsTheAnswer(t *testing.T) {
	t.Parallel()
	s := begin(t, "later", true, "ASK_QUESTION=code")
	s.typed("rm -r x\nls")
	s.until("ls") // the echo: the terminal has it
	s.stdin.Write([]byte("!"))
	s.until("code: ")
	s.typed("123456\nsecond line\n")
	if r := s.result(); r.Answer != "123456" {
		t.Errorf("%+v", r)
	}
}

func TestHangup(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"ASK_NOHUP=", "ASK_NOHUP=1"} {
		s := begin(t, "ask", true, "ASK_QUESTION=code", env)
		s.until("code: ")
		s.typed("12")
		s.master.Close()
		if r := s.result(); !r.Cancelled || r.Answer != "" {
			t.Errorf("%s: %+v", env, r)
		}
	}
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	s := begin(t, "shell", true, "ASK_QUESTION=code")
	s.until("code: ")
	s.typed("12\x1a")
	if r := s.result(); !r.Stopped || !r.Echo {
		t.Fatalf("%+v", r)
	}
	s.until("code: ")
	if echoes(s.slave) {
		t.Error("the echo is on")
	}
	s.typed("123456\n")
	if r := s.result(); r.Answer != "123456" {
		t.Errorf("%+v", r)
	}
	if s.modes() != s.before {
		t.Error("the terminal isn't as it was")
	}
}

// Where no shell could continue us, Ctrl-Z does nothing.
func TestSuspendWithoutShell(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_QUESTION=code")
	s.until("code: ")
	s.typed("12\x1a")
	s.until("code: ")
	s.typed("123456\n")
	if r := s.result(); r.Answer != "123456" {
		t.Errorf("%+v", r)
	}
}

// A job in the background would be stopped by the terminal, and its caller would wait for ever.
func TestBackgroundHasNobody(t *testing.T) {
	t.Parallel()
	s := begin(t, "background", true, "ASK_QUESTION=code")
	if r := s.result(); !r.Nobody || r.Milliseconds > 1000 {
		t.Errorf("%+v", r)
	}
}

func TestNobody(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"secret", "line", "confirm"} {
		s := begin(t, "ask", false, "ASK_HOW="+how, "ASK_QUESTION=code")
		if r := s.result(); !r.Nobody || r.Milliseconds > 1000 {
			t.Errorf("%s: %+v", how, r)
		}
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	a := Asker{Never: true}
	if _, err := a.Secret(t.Context(), "code"); err == nil || err.Error() != "nobody to ask: asking is forbidden (--no-input)" {
		t.Error(err)
	}
}

func TestTwoQuestionsDoNotMix(t *testing.T) {
	t.Parallel()
	s := begin(t, "pair", true, "ASK_QUESTION=code", "ASK_LOCKS="+t.TempDir())
	s.until("code: ")
	s.typed("first\n")
	a := s.result()
	if strings.Contains(s.shown, "code") {
		t.Error("both prompts were shown")
	}
	s.until("code: ")
	s.typed("second\n")
	b := s.result()
	if a.Answer != "first" || b.Answer != "second" {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestSecondQuestionGivesUp(t *testing.T) {
	t.Parallel()
	s := begin(t, "pair", true, "ASK_QUESTION=code", "ASK_LIMIT=300ms", "ASK_LOCKS="+t.TempDir())
	errs := []string{s.result().Err, s.result().Err}
	slices.Sort(errs)
	if errs[0] != "another question is open at this terminal: nobody answered in time" && errs[0] != "nobody answered in time" ||
		errs[1] != "nobody answered in time" {
		t.Errorf("%q", errs)
	}
}
