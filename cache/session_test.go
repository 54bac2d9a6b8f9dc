package cache

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Whichever bit of a stored session is flipped, wherever it ends: it's the session that was stored, or none.
func TestDamagedSessions(t *testing.T) {
	whole := newSession("dev", "f", "stamp", aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token",
		AccountID: "987654321098", Source: "test", Expires: time.Unix(2e9, 0)}, time.Unix(1e9, 123))
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseSession("Dev", data)
	if err != nil {
		t.Fatal(err)
	}
	check := func(damaged []byte, how string, n int) {
		t.Helper()
		switch s, err := parseSession("dev", damaged); {
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
