package accounts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"aws-accounts/internal/partitions"
	"aws-accounts/internal/pattern"
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
		if r <= 0xff {
			p.WriteRune(r)
		} else {
			p.WriteString(tui.JSONEscape(r))
		}
	}
	return Policy(p.String()), nil
}

// MarshalJSON writes the policy as the object that it is.
func (p Policy) MarshalJSON() ([]byte, error) { return []byte(p), nil }

// The character sets of IAM and STS, as their API references give them. Written as functions because regexps would cost
// most of the time that a file of 10,000 accounts takes.

// isWord is IAM's \w, ASCII letters, digits and _, and what a field allows besides.
func isWord(r rune, more string) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || strings.ContainsRune(more, r)
}

func isSessionName(r rune) bool { return isWord(r, "+=,.@-") } // and of names of roles, source identities
func isExternalID(r rune) bool  { return isWord(r, "+=,.@:/-") }
func isMFASerial(r rune) bool   { return isWord(r, "+=/:,.@-") }
func isPolicy(r rune) bool      { return ' ' <= r && r <= 0xff } // as it is sent: compacted
func isTag(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}

// firstNot finds a character that isn't as it should be.
func firstNot(s string, ok func(rune) bool) (rune, bool) {
	for _, r := range s {
		if !ok(r) {
			return r, true
		}
	}
	return 0, false
}

func digits(s string) bool {
	_, odd := firstNot(s, func(r rune) bool { return '0' <= r && r <= '9' })
	return s != "" && !odd
}

// IsAccountID reports whether s is the number of an AWS account.
func IsAccountID(s string) bool { return len(s) == 12 && digits(s) }

// IsRoleName reports whether s can be the name of a role, without its path.
func IsRoleName(s string) bool {
	_, odd := firstNot(s, isSessionName)
	return s != "" && !odd
}

// regionShape fits each region of each partition so far (us-east-1, us-gov-west-1, eu-isoe-west-1, eusc-de-east-1) and
// those to come: which ones there are is for AWS to know.
var regionShape = pattern.New(`^[a-z]{2,8}(-[a-z]{1,16}){1,3}-[0-9]{1,2}$`)

// Region is a region as a flag.
type Region string

// UnmarshalText refuses what CheckRegion does.
func (r *Region) UnmarshalText(text []byte) error {
	*r = Region(text)
	if *r == "" {
		return nil
	}
	_, err := CheckRegion(string(text))
	return err
}

// CheckRegion refuses what is no region: what isn't shaped like one, or is a slip of the finger away from one. What may have come
// after this program was made is in doubt.
func CheckRegion(region string) (doubt string, err error) {
	if !regionShape.MatchString(region) {
		return "", fmt.Errorf(`region %s is not shaped like "eu-west-1"`, tui.Quote(region))
	}
	known := partitions.Regions()
	place := func(region string) string { return region[:strings.LastIndexByte(region, '-')] }
	for _, k := range known {
		switch {
		case k == region:
			return "", nil
		case place(k) == place(region):
			return fmt.Sprintf("AWS had no region %s when this program was made", region), nil
		}
	}
	for _, k := range known {
		if distance(region, k) == 1 {
			return "", fmt.Errorf("there is no region %s: did you mean %s?", tui.Quote(region), tui.Quote(k))
		}
	}
	return fmt.Sprintf("AWS had no region like %s when this program was made", region), nil
}

// arn is a name like arn:aws:iam::123456789012:role/path/name, in its parts.
type arn struct{ partition, service, account, resource string }

func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[3] != "" && p[2] == "iam" {
		return arn{}, false
	}
	ok := p[1] == "aws" || strings.HasPrefix(p[1], "aws-")
	_, odd := firstNot(p[1], func(r rune) bool { return 'a' <= r && r <= 'z' || r == '-' })
	return arn{p[1], p[2], p[4], p[5]}, ok && !odd
}

// name takes a resource like role/path/name apart, if it is well formed.
func (a arn) name(kind string, longest int) (string, bool) {
	rest, ok := strings.CutPrefix(a.resource, kind+"/")
	path, name := "/", rest
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		path, name = "/"+rest[:i+1], rest[i+1:]
	}
	_, odd := firstNot(name, isSessionName)
	_, oddPath := firstNot(path, func(r rune) bool { return '!' <= r && r <= '~' })
	return name, ok && name != "" && len(name) <= longest && !odd && !oddPath && len(path) <= 512
}
