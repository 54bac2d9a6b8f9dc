package process

import (
	"strings"
	"testing"
	"time"
)

// What was pasted in the wrong place is found before AWS is asked, and isn't repeated.
func TestCheckKey(t *testing.T) {
	t.Parallel()
	const id, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for _, c := range []struct{ name, id, secret, want string }{
		{"a key", id, secret, ""},
		{"the secret not known yet", id, "", ""},
		{"exchanged", secret, id, "no access key ID"},
		{"twice the ID", id, id, "no secret access key: it has 20 characters"},
		{"temporary", "ASIAIOSFODNN7EXAMPLE", secret, "temporary credentials"},
		{"a user", "AIDAIOSFODNN7EXAMPLE", secret, "ID of a user or role"},
		{"lower case", strings.ToLower(id), secret, "no access key ID"},
		{"two lines", id + "\n" + secret, secret, "no access key ID"},
		{"a blank in the secret", id, secret[:20] + " " + secret[20:], "no secret access key"},
		{"nothing", "", "", "no access key ID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkKey(c.id, c.secret)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("it repeats the secret")
			}
		})
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		since time.Duration
		want  string
	}{{time.Hour, "today"}, {25 * time.Hour, "1 day"}, {91 * 24 * time.Hour, "91 days"}} {
		stored := now.Add(-c.since)
		if got := age(&stored, now).Text; got != c.want {
			t.Errorf("%v: %q, want %q", c.since, got, c.want)
		}
	}
	if age(nil, now).Text != "" {
		t.Error("an age of what isn't there")
	}
}
