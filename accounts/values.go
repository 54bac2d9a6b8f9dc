package accounts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"aws-accounts/internal/tui"
)

// Duration is a length of time in whole seconds, written in the file as a Go duration ("1h30m") or as seconds (3600).
type Duration time.Duration

// What AssumeRole takes as DurationSeconds. A role's own maximum can be less, which only AWS knows.
const (
	minDuration = 15 * time.Minute
	maxDuration = 12 * time.Hour
)

// ParseDuration takes a Go duration or a number of seconds, 15 minutes to 12 hours of them.
func ParseDuration(s string) (Duration, error) {
	v, err := time.ParseDuration(s)
	if err != nil {
		// Beyond int64 it is out of range too, which is what ParseInt's result then is.
		n, nerr := strconv.ParseInt(s, 10, 64)
		if nerr != nil && n == 0 {
			return 0, fmt.Errorf(`%s is not a duration: write one like "1h30m", or seconds`, tui.Quote(s))
		}
		v = time.Duration(min(max(n, -1), int64(maxDuration/time.Second)+1)) * time.Second
	}
	switch {
	case v < minDuration || v > maxDuration:
		return 0, fmt.Errorf("%s is out of range: 15m is the least, 12h the most", tui.Quote(s))
	case v%time.Second != 0:
		return 0, fmt.Errorf("%s is not in whole seconds", tui.Quote(s))
	}
	return Duration(v), nil
}

// UnmarshalText makes it a flag's type.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// String is the shortest Go duration: 1h, not 1h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalJSON writes the duration as String does. Reading is the decoder's business, which knows positions.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// Policy is an inline session policy: in the file a JSON object, or a string that holds one. It is kept as the
// compact text that AssumeRole takes: characters up to U+00FF, the others as escapes.
type Policy string

// compactPolicy makes a Policy of a JSON object. Outside its strings JSON is ASCII, so that an escape is right wherever
// a character needs one.
func compactPolicy(object []byte) (Policy, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, object); err != nil {
		return "", err
	}
	var p strings.Builder
	for _, r := range b.String() {
		switch {
		case r <= 0xff:
			p.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&p, `\u%04x`, r)
		default:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&p, `\u%04x\u%04x`, hi, lo)
		}
	}
	return Policy(p.String()), nil
}

// MarshalJSON writes the policy as the object that it is.
func (p Policy) MarshalJSON() ([]byte, error) { return []byte(p), nil }
