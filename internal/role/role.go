// Package role knows the IAM role that an account is entered through: what it should be, what differs in one that is there,
// and the documents that say so to IAM, CloudFormation and Terraform.
//
// It calls nobody. Invariant: a name is only ever data in what it writes, whatever characters are in it.
package role

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
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
