package standin

import (
	"regexp"
	"strings"
	"time"
)

type xmlCredentials struct {
	AccessKeyId, SecretAccessKey, SessionToken, Expiration string
}

func (c *credential) xml() xmlCredentials {
	return xmlCredentials{c.ID, c.Secret, c.Token, isoTime(c.expires)}
}

func getCallerIdentity(x *exchange) (reply, error) {
	return x.queryReply(struct{ Arn, UserId, Account string }{x.caller.arn, x.caller.userID, x.caller.account.ID}), nil
}

var (
	serialPattern = regexp.MustCompile(`^[\w+=/:,.@-]*$`)
	digitsPattern = regexp.MustCompile(`^[\d]*$`)
)

func getSessionToken(x *exchange) (reply, error) {
	c := constraints{x: x}
	seconds := c.seconds("DurationSeconds", 900, 129600, 43200)
	serial := c.text("SerialNumber", false, 9, 256, serialPattern)
	code := c.text("TokenCode", false, 6, 6, digitsPattern)
	if err := c.err(); err != nil {
		return reply{}, err
	}
	if x.caller.kind != longTerm {
		return reply{}, fail(403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	if err := x.regionEnabled(x.caller.account); err != nil {
		return reply{}, err
	}
	if err := x.authorize("sts:GetSessionToken", "*"); err != nil {
		return reply{}, err
	}
	mfa, err := x.checkMFA(serial, code)
	if err != nil {
		return reply{}, err
	}
	session := *x.caller
	session.kind, session.mfa = userSession, mfa
	issued := x.s.issue(&session, time.Duration(seconds)*time.Second)
	return x.queryReply(struct{ Credentials xmlCredentials }{issued.xml()}), nil
}

// checkMFA verifies a code if one is given. It is the caller's own device that counts.
func (x *exchange) checkMFA(serial, code string) (bool, error) {
	if serial == "" && code == "" {
		return false, nil
	}
	if serial == "" || code == "" {
		return false, fail(403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ")
	}
	if x.caller.user != nil {
		for _, device := range x.caller.user.mfa {
			if device.serial != serial {
				continue
			}
			if !device.accept(code, x.now) {
				return false, fail(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
			}
			return true, nil
		}
	}
	return false, fail(403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user. ")
}

func (x *exchange) regionEnabled(accounts ...*Account) error {
	if x.auth == nil {
		return nil
	}
	for _, a := range accounts {
		for _, region := range a.DisabledRegions {
			if region == x.auth.region {
				return fail(403, "RegionDisabledException", "STS is not activated in this region for account:%s. Your account administrator can activate STS in this region using the IAM Console.", a.ID)
			}
		}
	}
	return nil
}

func getAccessKeyInfo(x *exchange) (reply, error) {
	c := constraints{x: x}
	id := c.text("AccessKeyId", true, 16, 128, regexp.MustCompile(`^[\w]*$`))
	if err := c.err(); err != nil {
		return reply{}, err
	}
	known := x.s.keys[id]
	if known == nil {
		return reply{}, fail(400, "ValidationError", "Access key %s not found", id)
	}
	return x.queryReply(struct{ Account string }{known.principal.account.ID}), nil
}

// assumeRoleWithWebIdentity is unsigned: the token is the proof.
func assumeRoleWithWebIdentity(x *exchange) (reply, error) {
	c := constraints{x: x}
	roleARN := c.text("RoleArn", true, 20, 2048, nil)
	name := c.text("RoleSessionName", true, 2, 64, sessionNamePattern)
	token := c.text("WebIdentityToken", true, 4, 20000, nil)
	seconds := c.seconds("DurationSeconds", 900, 43200, 3600)
	if err := c.err(); err != nil {
		return reply{}, err
	}
	packed, err := x.sessionPolicies()
	if err != nil {
		return reply{}, err
	}
	var identity *WebIdentity
	for i, known := range x.s.config.WebIdentities {
		if known.Token == strings.TrimSpace(token) {
			identity = &x.s.config.WebIdentities[i]
		}
	}
	if identity == nil {
		return reply{}, fail(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	if !identity.Expires.IsZero() && !x.now.Before(identity.Expires) {
		return reply{}, fail(400, "ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time%d", x.now.Unix(), identity.Expires.Unix())
	}
	role := x.s.role(roleARN)
	if role == nil || role.Trust.WebIdentity == nil || !role.Trust.WebIdentity.admits(identity) {
		return reply{}, fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	if seconds > role.MaxSessionDuration {
		return reply{}, fail(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	session := x.s.roleSessionPrincipal(role.ARN, name)
	issued := x.s.issue(session, time.Duration(seconds)*time.Second)
	return x.queryReply(struct {
		Credentials                                     xmlCredentials
		SubjectFromWebIdentityToken, Audience, Provider string
		AssumedRoleUser                                 xmlAssumedRoleUser
		PackedPolicySize                                int `xml:",omitempty"`
	}{issued.xml(), identity.Subject, identity.Audience, identity.Issuer, session.xml(), packed}), nil
}

func (w *WebIdentityTrust) admits(t *WebIdentity) bool {
	same := func(want, got string) bool { return want == "" || matches(want, got) }
	return same(w.Issuer, t.Issuer) && same(w.Audience, t.Audience) && same(w.Subject, t.Subject)
}
