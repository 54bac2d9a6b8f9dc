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
	whole := Session{Layout: SessionLayout, Account: "dev", Fingerprint: "f", Stamp: "stamp",
		Issued: time.Unix(1e9, 123).UTC(), Expiration: time.Unix(2e9, 0).UTC(),
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token", AccountID: "987654321098",
		Source: "test"}
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

// A stored session is taken for what it says alone: of the account that is asked for, of this layout, whole, with
// a lifetime, and with the sum of just that. Whoever moves an item to another account's place, or writes into it,
// gets nothing handed out.
func TestParseSessionTakesNoOther(t *testing.T) {
	t.Parallel()
	whole := Session{Layout: SessionLayout, Account: "dev", Fingerprint: "f", Issued: time.Unix(1e9, 0).UTC(),
		Expiration:  time.Unix(2e9, 0).UTC(),
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "SESAME", SessionToken: "SESAME", AccountID: "987654321098"}
	for name, c := range map[string]struct {
		change func(*Session)
		says   string
	}{
		"as it is":           {func(*Session) {}, ""},
		"in another case":    {func(s *Session) { s.Account = "DEV" }, ""},
		"another account's":  {func(s *Session) { s.Account = "prod" }, "it is of another account"},
		"nobody's":           {func(s *Session) { s.Account = "" }, "it is of another account"},
		"of another version": {func(s *Session) { s.Layout++ }, "stored by another version"},
		"without a key":      {func(s *Session) { s.AccessKeyID = "" }, "half a session"},
		"without a secret":   {func(s *Session) { s.SecretAccessKey = "" }, "half a session"},
		"without a token":    {func(s *Session) { s.SessionToken = "" }, "half a session"},
		"of nothing known":   {func(s *Session) { s.Fingerprint = "" }, "half a session"},
		"without an end":     {func(s *Session) { s.Expiration = time.Time{} }, "no lifetime"},
		"over before it is":  {func(s *Session) { s.Expiration = s.Issued }, "no lifetime"},
	} {
		s := whole
		c.change(&s)
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSession("dev", data)
		switch {
		case c.says == "" && (err != nil || got.SecretAccessKey != "SESAME"):
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) ||
			strings.Contains(err.Error(), "SESAME")):
			t.Errorf("%s: %v", name, err)
		}
	}
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{"ASIAEXAMPLE": "ASIAANOTHER", "987654321098": "555555555555",
		`"fingerprint":"f"`: `"fingerprint":"g"`,
		`"issued":"2001`:    `"issued":"2000`, `"expiration":"2033`: `"expiration":"2034`,
		`"account":"dev"`: `"account":"Dev"`} {
		changed := strings.Replace(string(data), was, is, 1)
		if changed == string(data) {
			t.Fatalf("%s isn't there", was)
		}
		if _, err := ParseSession("dev", []byte(changed)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s in the place of %s: %v", is, was, err)
		}
	}
}

func FuzzParseSession(f *testing.F) {
	good, _ := json.Marshal(Session{Layout: SessionLayout, Account: "dev", Fingerprint: "f", Stamp: "s",
		Issued: time.Unix(1e9, 0).UTC(), Expiration: time.Unix(2e9, 0).UTC(),
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
		if s.Stamp = ""; s.Answers("", now) {
			t.Errorf("%s: a session of no known version answers where none is known", name)
		}
	}
}
