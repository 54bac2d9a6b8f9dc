//go:build !windows

package ask

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestTell(t *testing.T) {
	t.Parallel()
	s := begin(t, "ask", true, "ASK_HOW=tell", "ASK_QUESTION=open this link", "ASK_LOCKS="+t.TempDir())
	s.until("aws-accounts: open this link\r\n")
	if r := s.result(); r.Err != "" {
		t.Errorf("%+v", r)
	}
	if s.modes() != s.before || s.shown != "" {
		t.Errorf("the terminal isn't as it was; it shows %q", s.shown)
	}
}

// A text in the middle of a question would take the answer's place.
func TestTellWaitsForTheQuestion(t *testing.T) {
	t.Parallel()
	s := begin(t, "beside", true, "ASK_QUESTION=code", "ASK_LOCKS="+t.TempDir())
	s.until("code: ")
	s.stdin.Write([]byte("!"))
	s.typed("123456\n")
	if r := s.result(); r.Answer != "123456" {
		t.Errorf("%+v", r)
	}
	s.until("aws-accounts: open this link\r\n")
	if r := s.result(); r.Err != "" {
		t.Errorf("%+v", r)
	}
}

// It doesn't wait beyond the caller's time.
func TestTellGivesUp(t *testing.T) {
	t.Parallel()
	s := begin(t, "beside", true, "ASK_QUESTION=code", "ASK_LOCKS="+t.TempDir(), "ASK_TELL_LIMIT=300ms")
	s.until("code: ")
	s.stdin.Write([]byte("!"))
	if r := s.result(); r.Err != "another question is open at this terminal: nobody answered in time" {
		t.Errorf("%+v", r)
	}
	s.typed("123456\n")
	if r := s.result(); r.Answer != "123456" || strings.Contains(s.shown, "link") {
		t.Errorf("%+v, shown %q", r, s.shown)
	}
}

func TestTellNobody(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"ASK_HOW=tell", "ASK_HOW=present"} {
		for role, terminal := range map[string]bool{"ask": false, "background": true} {
			r := begin(t, role, terminal, env, "ASK_QUESTION=open this link").result()
			if env == "ASK_HOW=tell" && !r.Nobody || env == "ASK_HOW=present" && r.Answer != "false" || r.Milliseconds > 1000 {
				t.Errorf("%s, %s: %+v", env, role, r)
			}
		}
	}
	never := Asker{Never: true}
	if err := never.Tell(t.Context(), "open this link\n"); !errors.Is(err, ErrNobody) || never.Present() {
		t.Error(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(Asker).Tell(over, "open this link\n"); !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
}

func TestPresent(t *testing.T) {
	t.Parallel()
	if r := begin(t, "ask", true, "ASK_HOW=present").result(); r.Answer != "true" {
		t.Errorf("%+v", r)
	}
}
