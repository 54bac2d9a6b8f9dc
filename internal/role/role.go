// Package role knows the IAM role that an account is entered through: what it should be, what differs in one that is there,
// and the documents that say so to IAM, CloudFormation and Terraform.
//
// It calls nobody. Invariant: a name is only ever data in what it writes, whatever characters are in it.
package role

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
	"aws-accounts/internal/pattern"
)

// The tag that says that a role is ours to change and to delete.
const (
	TagKey   = "aws-accounts:managed"
	TagValue = "true"
)

// Description is that of a role we make.
const Description = "Entered with aws-accounts"

// defaultPolicy is what a role without any policy gets, if none is asked for.
const defaultPolicy = "ReadOnlyAccess"

// Want is a role as it should be.
type Want struct {
	ARN        string
	Trust      Trust
	MaxSession time.Duration // at least an hour, as IAM has it
	// Policies are the ARNs of the managed policies. None: a role that has some keeps them, another gets defaultPolicy.
	Policies []string
}

// Have is a role as it is in AWS.
type Have struct {
	ARN        string
	Trust      string // its trust policy
	MaxSession time.Duration
	Attached   []string          // ARNs of its managed policies
	Inline     []string          // names of its inline policies
	Tags       map[string]string // all of them
	Created    time.Time
}

// Ours reports whether we have made the role, or taken it over.
func (h *Have) Ours() bool { return h.Tags[TagKey] == TagValue }

// Changes lead from a Have to a Want.
type Changes struct {
	Create, Tag, Trust, MaxSession bool
	Attach, Detach                 []string // ARNs of managed policies
	// Words say each change but Create, to a person.
	Words []string
}

// None reports whether nothing has to change.
func (c Changes) None() bool { return !c.Create && len(c.Words) == 0 }

// Differences are the Words about the role itself, and not about whose it is.
func (c Changes) Differences() []string {
	if c.Tag {
		return c.Words[1:]
	}
	return c.Words
}

// Compare says what has to change so that have, nil where there is no role, is as want.
func Compare(want Want, have *Have) Changes {
	if have == nil {
		return Changes{Create: true, Attach: want.policies()}
	}
	c := Changes{Tag: !have.Ours()}
	if c.Tag {
		c.Words = append(c.Words, "take it over (tag "+TagKey+")")
	}
	document := want.Trust.Document()
	if !sameMeaning(document, have.Trust) {
		c.Trust = true
		c.Words = append(c.Words, "trust policy: "+difference(have.Trust, document))
	}
	if want.MaxSession != have.MaxSession {
		c.MaxSession = true
		c.Words = append(c.Words, fmt.Sprintf("sessions up to %s instead of %s", accounts.Duration(want.MaxSession), accounts.Duration(have.MaxSession)))
	}
	if len(want.Policies) > 0 || len(have.Attached) == 0 {
		c.Attach, c.Detach = without(want.policies(), have.Attached), without(have.Attached, want.policies())
	}
	if len(c.Attach) > 0 {
		c.Words = append(c.Words, "attach "+Names(c.Attach))
	}
	if len(c.Detach) > 0 {
		c.Words = append(c.Words, "detach "+Names(c.Detach))
	}
	return c
}

// Add lets the role serve what other, of the same ARN, is wanted for as well. It reports whether one role can serve both.
func (w *Want) Add(other Want) bool {
	if w.Trust.ExternalID != other.Trust.ExternalID || w.Trust.MFA != other.Trust.MFA {
		return false
	}
	w.MaxSession = max(w.MaxSession, other.MaxSession)
	w.Trust.Principals = append(w.Trust.Principals, without(other.Trust.Principals, w.Trust.Principals)...)
	w.Trust.SourceIdentity = w.Trust.SourceIdentity || other.Trust.SourceIdentity
	w.Trust.Tags = w.Trust.Tags || other.Trust.Tags
	return true
}

func (w Want) policies() []string {
	if len(w.Policies) == 0 {
		return []string{managedPolicy(defaultPolicy, partition(w.ARN))}
	}
	return w.Policies
}

// Describe says what a role made as w is.
func (w Want) Describe() string {
	return fmt.Sprintf("%s, %s, sessions up to %s", Names(w.policies()), w.Trust.describe(), accounts.Duration(w.MaxSession))
}

// managedPolicy is the ARN of the policy of AWS's own that name, which may have a path, stands for. An ARN stays as it is.
func managedPolicy(name, partition string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return "arn:" + partition + ":iam::aws:policy/" + name
}

// Names are managed policies as people call them: AWS's own by their names.
func Names(arns []string) string {
	names := make([]string, len(arns))
	for i, policy := range arns {
		names[i] = policy
		if _, name, ok := strings.Cut(policy, ":iam::aws:policy/"); ok {
			names[i] = name
		}
	}
	return strings.Join(names, ", ")
}

// Path and Name are the two parts of a role's ARN, the path with a slash at both ends.
func Path(roleARN string) string {
	resource := strings.TrimPrefix(resource(roleARN), "role")
	return resource[:strings.LastIndexByte(resource, '/')+1]
}

// Name is the last part of a role's ARN.
func Name(roleARN string) string {
	resource := resource(roleARN)
	return resource[strings.LastIndexByte(resource, '/')+1:]
}

func resource(s string) string {
	known, _ := arn.Parse(s) // the accounts file has checked it
	return known.Resource
}

func partition(s string) string {
	known, _ := arn.Parse(s)
	return known.Partition
}

func without(all, some []string) (rest []string) {
	for _, s := range all {
		if !slices.Contains(some, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// TagWords are the tags for a person, sorted.
func (h *Have) TagWords() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(h.Tags)) {
		words = append(words, key+"="+h.Tags[key])
	}
	return strings.Join(words, ", ")
}

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
