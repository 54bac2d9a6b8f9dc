package role

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"aws-accounts/internal/pattern"
)

// Trust is what a role's trust policy demands.
type Trust struct {
	Principals     []string // ARNs of accounts (…:root), users and roles
	ExternalID     string
	MFA            bool
	SourceIdentity bool // sessions may have one
	Tags           bool // sessions may have some
}

type statement struct {
	Effect    string                       `json:"Effect"`
	Principal *principal                   `json:"Principal,omitempty"`
	Action    texts                        `json:"Action"`
	Resource  texts                        `json:"Resource,omitempty"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

type principal struct {
	AWS texts `json:"AWS"`
}

// texts are written as IAM shows them: one alone without a list.
type texts []string

func (t texts) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

type document struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

func (t Trust) document() document {
	s := statement{Effect: "Allow", Principal: &principal{t.Principals}, Action: []string{"sts:AssumeRole"}}
	if t.SourceIdentity {
		s.Action = append(s.Action, "sts:SetSourceIdentity")
	}
	if t.Tags {
		s.Action = append(s.Action, "sts:TagSession")
	}
	condition := map[string]map[string]string{}
	if t.ExternalID != "" {
		condition["StringEquals"] = map[string]string{"sts:ExternalId": t.ExternalID}
	}
	if t.MFA {
		condition["Bool"] = map[string]string{"aws:MultiFactorAuthPresent": "true"}
	}
	if len(condition) > 0 {
		s.Condition = condition
	}
	return document{"2012-10-17", []statement{s}}
}

// Document is the trust policy.
func (t Trust) Document() string { return compact(t.document()) }

func compact(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // into memory, and of plain values
	return strings.TrimSpace(b.String())
}

func (t Trust) describe() string {
	names := make([]string, len(t.Principals))
	for i, p := range t.Principals {
		names[i] = shortPrincipal(p)
	}
	text := "trusts " + strings.Join(names, ", ")
	switch {
	case t.MFA && t.ExternalID != "":
		text += " with MFA and its external ID"
	case t.MFA:
		text += " with MFA"
	case t.ExternalID != "":
		text += " with its external ID"
	}
	return text
}

var (
	accountRoot = pattern.New(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)
	trustable   = pattern.New(`^arn:(aws[a-z-]*):iam::[0-9]{12}:(root|(user|role)/[\w+=,.@/-]+)$`)
	accountID   = pattern.New(`^[0-9]{12}$`)
)

// shortPrincipal is an account by its number, as IAM takes one for the other.
func shortPrincipal(p string) string {
	if m := accountRoot.FindStringSubmatch(p); m != nil {
		return m[1]
	}
	return p
}

// Principal is whom a role of the partition shall trust: an account by its number, or the ARN of an account, a user or a
// role. Everybody ("*") can't be named, nor a session, which ends.
func Principal(text, partition string) (string, error) {
	if accountID.MatchString(text) {
		return fmt.Sprintf("arn:%s:iam::%s:root", partition, text), nil
	}
	m := trustable.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%q is nobody that a role can trust: an account's 12 digits, or the ARN of a user or role", text)
	}
	if m[1] != partition {
		return "", fmt.Errorf("%s is in the partition %s, the role in %s: neither can trust the other", text, m[1], partition)
	}
	return text, nil
}

var policyName = pattern.New(`^(arn:(aws[a-z-]*):iam::([0-9]{12}|aws):policy/)?[\w+=,.@/-]+$`)

// Policy is the ARN of a managed policy that a role of that ARN can have: by its name if it's AWS's own, else by its ARN, in
// which the word ACCOUNT stands for the role's account.
func Policy(text, roleARN string) (string, error) {
	owner := strings.Split(roleARN, ":")[4]
	text = strings.Replace(text, ":iam::ACCOUNT:", ":iam::"+owner+":", 1)
	m := policyName.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%q is no managed policy: the name of one of AWS's own, or an ARN like arn:aws:iam::123456789012:policy/Name", text)
	}
	if m[1] != "" && m[2] != partition(roleARN) {
		return "", fmt.Errorf("%s is in the partition %s, the role in %s", text, m[2], partition(roleARN))
	}
	if m[1] != "" && m[3] != "aws" && m[3] != owner {
		return "", fmt.Errorf("%s is of another account than the role (%s), which can't have it", text, owner)
	}
	return managedPolicy(text, partition(roleARN)), nil
}
