package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

type xmlAssumedRoleUser struct{ AssumedRoleId, Arn string }

func (p *principal) xml() xmlAssumedRoleUser { return xmlAssumedRoleUser{p.userID, p.arn} }

var (
	sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalIDPattern  = regexp.MustCompile(`^[\w+=,.@:\/-]*$`)
	roleARNPattern     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)

	// As botocore's model of STS has them.
	policyPattern   = regexp.MustCompile(`^[\x{0009}\x{000A}\x{000D}\x{0020}-\x{00FF}]+$`)
	tagKeyPattern   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
	tagValuePattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

func assumeRole(x *exchange) (reply, error) {
	c := constraints{x: x}
	roleARN := c.text("RoleArn", true, 20, 2048, nil)
	name := c.text("RoleSessionName", true, 2, 64, sessionNamePattern)
	seconds := c.seconds("DurationSeconds", 900, 43200, 3600)
	externalID := c.text("ExternalId", false, 2, 1224, externalIDPattern)
	serial := c.text("SerialNumber", false, 9, 256, serialPattern)
	code := c.text("TokenCode", false, 6, 6, digitsPattern)
	identity := c.text("SourceIdentity", false, 2, 64, sessionNamePattern)
	if err := c.err(); err != nil {
		return reply{}, err
	}
	if !roleARNPattern.MatchString(roleARN) {
		return reply{}, fail(400, "ValidationError", "%s is invalid", roleARN)
	}
	packed, err := x.sessionPolicies()
	if err != nil {
		return reply{}, err
	}
	tags, err := x.sessionTags()
	if err != nil {
		return reply{}, err
	}
	target := parseARN(roleARN)
	if target.partition != x.caller.account.Partition {
		// A role of another partition is a role that isn't there.
		return reply{}, notAuthorized(x.caller, "sts:AssumeRole", roleARN, "")
	}
	if err := x.regionEnabled(x.caller.account, x.s.account(target.account, target.partition)); err != nil {
		return reply{}, err
	}
	mfa, err := x.checkMFA(serial, code)
	if err != nil {
		return reply{}, err
	}
	// Who assumes a role with tags or a source identity needs a permission for each, beside that of the trust policy.
	needed := []string{"sts:AssumeRole"}
	if identity != "" || x.caller.sourceIdentity != "" {
		needed = append(needed, "sts:SetSourceIdentity")
	}
	if len(tags.keys) > 0 {
		needed = append(needed, "sts:TagSession")
	}
	for _, action := range needed {
		if err := x.authorize(action, roleARN); err != nil {
			return reply{}, err
		}
	}
	role := x.s.role(roleARN)
	if p := x.s.policies[roleARN]; p != nil && p.failFirst > 0 {
		p.failFirst--
		return reply{}, notAuthorized(x.caller, "sts:AssumeRole", roleARN, "")
	}
	asked := asking{
		externalID: externalID, mfa: mfa || x.caller.mfa, identity: identity, hasTags: len(tags.keys) > 0, tags: tags.all,
	}
	if action := role.refuses(x.caller, asked); action != "" {
		// AWS doesn't say which condition failed, nor whether the role exists.
		return reply{}, notAuthorized(x.caller, action, roleARN, "")
	}
	if x.caller.kind == roleSession && seconds > 3600 {
		return reply{}, fail(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if seconds > role.MaxSessionDuration {
		return reply{}, fail(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}

	session := x.s.roleSessionPrincipal(role.ARN, name)
	session.chained = x.caller.kind == roleSession
	session.tags = tags.transitive
	if session.sourceIdentity = identity; identity == "" {
		session.sourceIdentity = x.caller.sourceIdentity
	}
	issued := x.s.issue(session, time.Duration(seconds)*time.Second)
	return x.queryReply(struct {
		Credentials      xmlCredentials
		AssumedRoleUser  xmlAssumedRoleUser
		PackedPolicySize int    `xml:",omitempty"`
		SourceIdentity   string `xml:",omitempty"`
	}{issued.xml(), session.xml(), max(packed, tags.packed), session.sourceIdentity}), nil
}

// asking is what a trust policy can look at.
type asking struct {
	externalID, identity string
	mfa, hasTags         bool
	tags                 map[string]string
}

// refuses names the action that the role's trust policy doesn't allow, "" if it allows everything asked. A nil role refuses.
func (r *Role) refuses(by *principal, a asking) string {
	if r == nil || !slices.ContainsFunc(r.Trust.Principals, func(p string) bool { return p == "*" || by.is(p) }) {
		return "sts:AssumeRole"
	}
	t := r.Trust
	identity := a.identity
	if identity == "" {
		identity = by.sourceIdentity
	}
	switch {
	case !slices.Contains(t.Actions, "sts:AssumeRole"),
		t.ExternalID != "" && t.ExternalID != a.externalID,
		t.MFA && !a.mfa,
		t.SourceIdentity && identity == "":
		return "sts:AssumeRole"
	case identity != "" && !slices.Contains(t.Actions, "sts:SetSourceIdentity"),
		by.sourceIdentity != "" && identity != by.sourceIdentity: // once set it stays along the chain
		return "sts:SetSourceIdentity"
	case a.hasTags && !slices.Contains(t.Actions, "sts:TagSession"):
		return "sts:TagSession"
	}
	for _, key := range t.Tags {
		if _, ok := a.tags[key]; !ok {
			return "sts:AssumeRole"
		}
	}
	return ""
}

// What AWS packs, and into how much room, is not documented. These are round figures that leave realistic requests alone.
const (
	packedPolicyRoom = 1800
	packedTagsRoom   = 1024
)

// sessionPolicies checks Policy and PolicyArns and says how much of the room they take, in percent.
func (x *exchange) sessionPolicies() (packed int, err error) {
	c := constraints{x: x}
	policy := c.text("Policy", false, 1, 2048, policyPattern)
	if err := c.err(); err != nil {
		return 0, err
	}
	size := 0
	if policy != "" {
		var document struct {
			Version   string
			Statement json.RawMessage
		}
		if err := json.Unmarshal([]byte(policy), &document); err != nil {
			return 0, fail(400, "MalformedPolicyDocument", "This policy contains invalid Json")
		}
		if len(document.Statement) == 0 {
			return 0, fail(400, "MalformedPolicyDocument", "Syntax errors in policy.")
		}
		size += len(strings.Join(strings.Fields(policy), ""))
	}
	arns := x.list("PolicyArns", "arn")
	if len(arns) > 10 {
		return 0, fail(400, "ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10")
	}
	for _, item := range arns {
		if a := parseARN(item[0]); a.service != "iam" || !strings.HasPrefix(a.resource, "policy/") {
			return 0, fail(400, "ValidationError", "%s is invalid", item[0])
		}
		size += len(item[0])
	}
	packed = (size*100 + packedPolicyRoom - 1) / packedPolicyRoom
	if packed > 100 {
		return 0, fail(400, "PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", packed)
	}
	return packed, nil
}

type sessionTags struct {
	keys            []string // of the request
	all, transitive map[string]string
	packed          int
}

func (x *exchange) sessionTags() (sessionTags, error) {
	t := sessionTags{all: maps.Clone(x.caller.tags), transitive: maps.Clone(x.caller.tags)}
	if t.all == nil {
		t.all, t.transitive = map[string]string{}, map[string]string{}
	}
	size := 0
	pairs := x.list("Tags", "Key", "Value")
	if len(pairs) > 50 {
		return t, fail(400, "ValidationError", "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")
	}
	c := constraints{x: x}
	for i, pair := range pairs {
		member := fmt.Sprintf("tags.%d.member.", i+1)
		c.check(member+"key", pair[0], 1, 128, tagKeyPattern)
		c.check(member+"value", pair[1], 0, 256, tagValuePattern)
	}
	if err := c.err(); err != nil {
		return t, err
	}
	for _, pair := range pairs {
		key, value := pair[0], pair[1]
		if strings.HasPrefix(strings.ToLower(key), "aws:") { // AWS documents the rule, and not its words for it
			return t, fail(400, "InvalidParameterValue", "Tag keys that begin with aws: are reserved for system use.")
		}
		if slices.ContainsFunc(t.keys, func(other string) bool { return strings.EqualFold(other, key) }) {
			return t, fail(400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		for inherited := range x.caller.tags {
			if strings.EqualFold(inherited, key) {
				return t, fail(400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
		}
		t.keys = append(t.keys, key)
		t.all[key] = value
		size += len(key) + len(value)
	}
	for _, item := range x.list("TransitiveTagKeys") {
		value, ok := t.all[item[0]]
		if !ok || !slices.Contains(t.keys, item[0]) {
			return t, fail(400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
		t.transitive[item[0]] = value
	}
	if t.packed = (size*100 + packedTagsRoom - 1) / packedTagsRoom; t.packed > 100 {
		return t, fail(400, "PackedPolicyTooLarge", "Packed size of session tags consumes %d%% of allotted space.", t.packed)
	}
	return t, nil
}
