package accounts

import (
	"strings"
	"unicode"

	"aws-accounts/internal/pattern"
)

// The character sets of IAM and STS, as their API references give them. Written as functions because regexps would cost
// most of the time that a file of 10,000 accounts takes.

// isWord is IAM's \w, ASCII letters, digits and _, and what a field allows besides.
func isWord(r rune, more string) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || strings.ContainsRune(more, r)
}

func isSessionName(r rune) bool { return isWord(r, "+=,.@-") } // and of names of roles, source identities
func isExternalID(r rune) bool  { return isWord(r, `+=,.@:\/-`) }
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
