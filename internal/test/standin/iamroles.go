package standin

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// rolePolicies is what IAM keeps of a role beside what STS needs.
type rolePolicies struct {
	created     time.Time
	description string
	document    string // trust policy as put; "" for a role of the Config
	inline      map[string]string
	attached    []string
	tags        map[string]string
	failFirst   int // eventual consistency, see Config.NewRoleDelayCalls
}

var (
	roleNamePattern   = regexp.MustCompile(`^[\w+=,.@-]+$`)
	policyNamePattern = roleNamePattern
)

// iamRole is the role that a request names, in the caller's account.
func (x *exchange) iamRole() (*Role, *rolePolicies, error) {
	if err := x.iamCaller(); err != nil {
		return nil, nil, err
	}
	c := constraints{x: x}
	name := c.text("RoleName", true, 1, 64, roleNamePattern)
	if err := c.err(); err != nil {
		return nil, nil, err
	}
	for _, r := range x.s.roles {
		arn := parseARN(r.ARN)
		if arn.account != x.caller.account.ID || !strings.EqualFold(arn.name(), name) { // "not distinguished by case"
			continue
		}
		p := x.s.policies[r.ARN]
		if p == nil {
			p = &rolePolicies{created: x.now, inline: map[string]string{}, tags: map[string]string{}}
			x.s.policies[r.ARN] = p
		}
		return r, p, x.authorize("iam:"+x.operation, r.ARN)
	}
	return nil, nil, fail(404, "NoSuchEntity", "The role with name %s cannot be found.", name)
}

// trust reads a trust policy, and refuses one that names a user or role that isn't there, as AWS does.
func (x *exchange) trust(document string) (Trust, error) {
	t, err := parseTrust(document)
	if err != nil {
		return t, err
	}
	for _, p := range t.Principals {
		a := parseARN(p)
		user := slices.ContainsFunc(x.s.users, func(u *user) bool { return u.arn() == p })
		if strings.HasPrefix(a.resource, "user/") && !user || strings.HasPrefix(a.resource, "role/") && x.s.role(p) == nil {
			return t, fail(400, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"%s\"", p)
		}
	}
	return t, nil
}

func createRole(x *exchange) (reply, error) {
	role, _, err := x.iamRole()
	if err == nil {
		return reply{}, fail(409, "EntityAlreadyExists", "Role with name %s already exists.", parseARN(role.ARN).name())
	}
	if refusal, ok := err.(*apiError); ok && refusal.code != "NoSuchEntity" {
		return reply{}, err
	}
	c := constraints{x: x}
	path := c.text("Path", false, 1, 512, regexp.MustCompile(`^/(.*/)?$`))
	seconds := c.seconds("MaxSessionDuration", 3600, 43200, 3600)
	if err := c.err(); err != nil {
		return reply{}, err
	}
	if path == "" {
		path = "/"
	}
	document := x.form.Get("AssumeRolePolicyDocument")
	trust, err := x.trust(document)
	if err != nil {
		return reply{}, err
	}
	a := x.caller.account
	role = &Role{ARN: "arn:" + a.Partition + ":iam::" + a.ID + ":role" + path + x.form.Get("RoleName"), Trust: trust, MaxSessionDuration: seconds}
	if err := x.authorize("iam:CreateRole", role.ARN); err != nil {
		return reply{}, err
	}
	policies := &rolePolicies{created: x.now, description: x.form.Get("Description"), document: document, inline: map[string]string{}, tags: map[string]string{},
		failFirst: x.s.config.NewRoleDelayCalls}
	for _, pair := range x.list("Tags", "Key", "Value") {
		policies.tags[pair[0]] = pair[1]
	}
	x.s.putRole(*role)
	x.s.policies[role.ARN] = policies
	return x.queryReply(struct{ Role xmlRole }{roleXML(role, policies)}), nil
}

// escapeDocument is as RFC 3986 has it, in which a blank is %20.
func escapeDocument(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

type xmlTag struct{ Key, Value string }

type xmlRole struct {
	Path, RoleName, RoleId, Arn, CreateDate, AssumeRolePolicyDocument string
	Description                                                       string `xml:",omitempty"`
	MaxSessionDuration                                                int
	Tags                                                              []xmlTag `xml:"Tags>member"`
}

func roleXML(r *Role, p *rolePolicies) xmlRole {
	arn := parseARN(r.ARN)
	document := p.document
	if document == "" {
		document = r.Trust.document(arn.partition)
	}
	out := xmlRole{
		Path: strings.TrimSuffix(strings.TrimPrefix(arn.resource, "role"), arn.name()), RoleName: arn.name(), RoleId: uniqueID("AROA", r.ARN),
		Arn: r.ARN, CreateDate: isoTime(p.created), AssumeRolePolicyDocument: escapeDocument(document), Description: p.description,
		MaxSessionDuration: r.MaxSessionDuration,
	}
	for _, key := range slices.Sorted(maps.Keys(p.tags)) {
		out.Tags = append(out.Tags, xmlTag{key, p.tags[key]})
	}
	return out
}

func getRole(x *exchange) (reply, error) {
	r, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	return x.queryReply(struct{ Role xmlRole }{roleXML(r, p)}), nil
}

func deleteRole(x *exchange) (reply, error) {
	r, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	if len(p.inline) > 0 {
		return reply{}, fail(409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	if len(p.attached) > 0 {
		return reply{}, fail(409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	}
	x.s.roles = slices.DeleteFunc(x.s.roles, func(other *Role) bool { return other == r })
	delete(x.s.policies, r.ARN)
	return x.queryReply(nil), nil
}

func tagRole(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	for _, pair := range x.list("Tags", "Key", "Value") {
		p.tags[pair[0]] = pair[1]
	}
	return x.queryReply(nil), nil
}

func updateRole(x *exchange) (reply, error) {
	r, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	c := constraints{x: x}
	r.MaxSessionDuration = c.seconds("MaxSessionDuration", 3600, 43200, r.MaxSessionDuration)
	if x.form.Has("Description") {
		p.description = x.form.Get("Description")
	}
	return x.queryReply(struct{}{}), c.err()
}

func updateAssumeRolePolicy(x *exchange) (reply, error) {
	r, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	trust, err := x.trust(x.form.Get("PolicyDocument"))
	if err != nil {
		return reply{}, err
	}
	r.Trust, p.document = trust, x.form.Get("PolicyDocument")
	return x.queryReply(nil), nil
}

func putRolePolicy(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	c := constraints{x: x}
	name := c.text("PolicyName", true, 1, 128, policyNamePattern)
	if err := c.err(); err != nil {
		return reply{}, err
	}
	document := x.form.Get("PolicyDocument")
	var policy struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &policy) != nil || len(policy.Statement) == 0 {
		return reply{}, fail(400, "MalformedPolicyDocument", "Syntax errors in policy.")
	}
	p.inline[name] = document
	return x.queryReply(nil), nil
}

func getRolePolicy(x *exchange) (reply, error) {
	r, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	name := x.form.Get("PolicyName")
	document, ok := p.inline[name]
	if !ok {
		return reply{}, fail(404, "NoSuchEntity", "The role policy with name %s cannot be found.", name)
	}
	return x.queryReply(struct{ RoleName, PolicyName, PolicyDocument string }{parseARN(r.ARN).name(), name, escapeDocument(document)}), nil
}

func deleteRolePolicy(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	name := x.form.Get("PolicyName")
	if _, ok := p.inline[name]; !ok {
		return reply{}, fail(404, "NoSuchEntity", "The role policy with name %s cannot be found.", name)
	}
	delete(p.inline, name)
	return x.queryReply(nil), nil
}

func listRolePolicies(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	return x.queryReply(struct {
		PolicyNames []string `xml:"PolicyNames>member"`
		IsTruncated bool
	}{PolicyNames: slices.Sorted(maps.Keys(p.inline))}), nil
}

func attachRolePolicy(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	policy := x.form.Get("PolicyArn")
	if a := parseARN(policy); a.service != "iam" || !strings.HasPrefix(a.resource, "policy/") {
		return reply{}, fail(400, "ValidationError", "ARN %s is not valid.", policy)
	}
	if !x.policyExists(policy) {
		return reply{}, fail(404, "NoSuchEntity", "Policy %s does not exist or is not attachable.", policy)
	}
	if !slices.Contains(p.attached, policy) {
		p.attached = append(p.attached, policy)
	}
	return x.queryReply(nil), nil
}

// awsPolicies are those of AWS's managed policies that the stand-in knows. Of an account's own it knows all.
var awsPolicies = []string{"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess"}

func (x *exchange) policyExists(policy string) bool {
	a := parseARN(policy)
	return a.account == x.caller.account.ID || a.account == "aws" && slices.Contains(awsPolicies, strings.TrimPrefix(a.resource, "policy/"))
}

func getPolicy(x *exchange) (reply, error) {
	if err := x.iamCaller(); err != nil {
		return reply{}, err
	}
	policy := x.form.Get("PolicyArn")
	if err := x.authorize("iam:GetPolicy", policy); err != nil {
		return reply{}, err
	}
	if !x.policyExists(policy) {
		return reply{}, fail(404, "NoSuchEntity", "Policy %s was not found.", policy)
	}
	type item struct{ PolicyName, Arn string }
	return x.queryReply(struct{ Policy item }{item{parseARN(policy).name(), policy}}), nil
}

func detachRolePolicy(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	policy := x.form.Get("PolicyArn")
	if !slices.Contains(p.attached, policy) {
		return reply{}, fail(404, "NoSuchEntity", "Policy %s was not found.", policy)
	}
	p.attached = slices.DeleteFunc(p.attached, func(other string) bool { return other == policy })
	return x.queryReply(nil), nil
}

func listAttachedRolePolicies(x *exchange) (reply, error) {
	_, p, err := x.iamRole()
	if err != nil {
		return reply{}, err
	}
	type item struct{ PolicyName, PolicyArn string }
	result := struct {
		AttachedPolicies []item `xml:"AttachedPolicies>member"`
		IsTruncated      bool
	}{}
	for _, policy := range p.attached {
		result.AttachedPolicies = append(result.AttachedPolicies, item{parseARN(policy).name(), policy})
	}
	return x.queryReply(result), nil
}
