package item

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whichever bit of a stored session is flipped, wherever it ends: it's the session that was stored, or none.
func TestDamagedSessions(t *testing.T) {
	whole := Session{Layout: SessionLayout, Account: "dev", Fingerprint: "f", Stamp: "stamp", Issued: time.Unix(1e9, 123).UTC(), Expiration: time.Unix(2e9, 0).UTC(),
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token", AccountID: "987654321098", Source: "test"}
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParseSession("Dev", data)
	if err != nil {
		t.Fatal(err)
	}
	check := func(damaged []byte, how string, n int) {
		t.Helper()
		switch s, err := ParseSession("dev", damaged); {
		case err != nil && !errors.Is(err, ErrCorrupt):
			t.Errorf("%s %d: %v", how, n, err)
		case err == nil && *s != *want:
			t.Errorf("%s %d: another session", how, n)
		}
	}
	for i := range len(data) * 8 {
		damaged := slices.Clone(data)
		damaged[i/8] ^= 1 << (i % 8)
		check(damaged, "flipped", i)
	}
	for i := range data {
		check(data[:i], "cut at", i)
	}
}

func FuzzParseSession(f *testing.F) {
	good, _ := json.Marshal(Session{Layout: SessionLayout, Account: "dev", Fingerprint: "f", Stamp: "s", Issued: time.Unix(1e9, 0).UTC(), Expiration: time.Unix(2e9, 0).UTC(),
		AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c"})
	f.Add(good)
	f.Add([]byte(`{"layout":1}`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSession("dev", data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if !strings.EqualFold(s.Account, "dev") || s.SecretAccessKey == "" || !s.Issued.Before(s.Expiration) {
			t.Fatalf("accepted half a session")
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSession("dev", again); err != nil {
			t.Fatalf("what was written isn't read: %v", err)
		}
	})
}

func TestFresh(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	for name, c := range map[string]struct {
		issued, end time.Duration // from now
		want        bool
	}{
		"new":                     {0, time.Hour, true},
		"16 minutes left":         {-44 * time.Minute, 16 * time.Minute, true},
		"less":                    {-44 * time.Minute, 16*time.Minute - 1, false},
		"half of a short one":     {-10 * time.Minute, 10 * time.Minute, true},
		"less than half":          {-10 * time.Minute, 10*time.Minute - time.Second, false},
		"over":                    {-time.Hour, 0, false},
		"issued by another clock": {59 * time.Second, time.Hour, true},
		"the clock was set back":  {time.Hour, 2 * time.Hour, false},
	} {
		s := Session{Stamp: "s", Issued: now.Add(c.issued), Expiration: now.Add(c.end)}
		if s.Fresh(now) != c.want || s.Answers("s", now) != c.want || s.Answers("t", now) || s.Answers("", now) {
			t.Errorf("%s: fresh %t", name, s.Fresh(now))
		}
	}
}
