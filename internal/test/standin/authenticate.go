package standin

import (
	"cmp"
	"strings"
	"time"
)

// authenticate finds out who signed the request and that nobody changed it since.
func (x *exchange) authenticate() error {
	auth, err := parseAuthorization(x.r)
	if err != nil {
		return err
	}
	if auth == nil {
		return fail(403, codeUnsigned, "")
	}
	x.auth = auth
	x.call.AccessKey, x.call.Region = auth.keyID, auth.region
	c := x.s.keys[auth.keyID]
	if c == nil || !c.active {
		return fail(403, codeUnknownKey, "")
	}
	if c.Token != auth.token { // missing, of another session, or beside a long-term key
		return fail(403, codeInvalidToken, "")
	}
	// A key is known in its own partition only.
	if partitionOf(auth.region) != c.principal.account.Partition && regionPattern.MatchString(auth.region) {
		return fail(403, codeUnknownKey, "")
	}
	if err := auth.checkScope(x.service, x.now); err != nil {
		return err
	}
	if err := auth.checkSignature(x.r, x.body, c.Secret); err != nil {
		return err
	}
	if x.service == "s3" {
		if x.object, err = auth.decodePayload(x.r, x.body, c.Secret); err != nil {
			return err
		}
	}
	if !c.expires.IsZero() && !x.now.Before(c.expires) {
		return fail(403, codeExpired, "")
	}
	if x.now.Before(c.validFrom) {
		return fail(403, codeUnknownKey, "")
	}
	if c.failFirst > 0 {
		c.failFirst--
		return fail(403, codeUnknownKey, "")
	}
	c.lastUsed, c.lastService, c.lastRegion = x.now, x.service, auth.region
	x.caller = c.principal
	x.call.Principal = c.principal.arn
	return nil
}

// callerARN is for a fault's message, which comes before authentication.
func (x *exchange) callerARN() string {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if auth, err := parseAuthorization(x.r); err == nil && auth != nil {
		if c := x.s.keys[auth.keyID]; c != nil {
			return c.principal.arn
		}
	}
	return "anonymous"
}

// authorize applies the denials to the caller. AWS's text differs between a missing permission and a denial.
func (x *exchange) authorize(action, resource string) error {
	for _, d := range x.s.denials {
		if !x.caller.is(d.Principal) || !matches(d.Action, action) || d.Resource != "" && !matches(d.Resource, resource) {
			continue
		}
		because := d.because(action)
		if x.service == "s3" {
			return fail(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: \"%s\"%s", x.caller.arn, action, resource, because)
		}
		return notAuthorized(x.caller, action, resource, because)
	}
	return nil
}

// because are AWS's own words:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
func (d *Denial) because(action string) string {
	policy := cmp.Or(d.Policy, "identity-based policy")
	switch {
	case d.Explicit && d.PolicyARN != "":
		return " with an explicit deny in " + withArticle(policy) + ": " + d.PolicyARN
	case d.Explicit:
		return " with an explicit deny in " + withArticle(policy)
	case d.Policy == "" && action == "sts:AssumeRole":
		return ""
	}
	return " because no " + policy + " allows the " + action + " action"
}

func withArticle(policy string) string {
	if strings.HasPrefix(policy, "i") {
		return "an " + policy
	}
	return "a " + policy
}

func notAuthorized(p *principal, action, resource, because string) error {
	return fail(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s%s", p.arn, action, resource, because)
}

// is says whether a pattern names the principal: by its ARN, its role's ARN, or its account's.
func (p *principal) is(pattern string) bool {
	return matches(pattern, p.arn) || p.roleARN != "" && matches(pattern, p.roleARN) ||
		pattern == p.account.ID || pattern == "arn:"+p.account.Partition+":iam::"+p.account.ID+":root"
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "us-iso-"):
		return "aws-iso"
	case strings.HasPrefix(region, "us-isob-"):
		return "aws-iso-b"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	}
	return "aws"
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
