package keys

import (
	"testing"
	"time"
)

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
