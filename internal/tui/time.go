package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Left says how much time that is, as people say it: 43m left, 1h05m left, expired.
func Left(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return "under a minute left"
	case d < time.Hour:
		return fmt.Sprintf("%dm left", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm left", int(d.Hours()), int(d.Minutes())%60)
}

// Past is how long ago something may be: a Go duration, or days as in 7d.
type Past time.Duration

// UnmarshalText makes it a flag's type.
func (p *Past) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*p = Past(n) * Past(24*time.Hour)
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q: write one like 2h or 7d", text)
	}
	*p = Past(d)
	return nil
}
