package role

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const (
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	admin    = "arn:aws:iam::aws:policy/AdministratorAccess"
)

func wanted() Want {
	return Want{ARN: "arn:aws:iam::987654321098:role/team/Reader", MaxSession: time.Hour,
		Trust: Trust{Principals: []string{"arn:aws:iam::123456789012:root"}, ExternalID: "x", MFA: true}}
}

func TestSame(t *testing.T) {
	ours := wanted().Trust.Document()
	for name, test := range map[string]struct {
		document string
		same     bool
	}{
		"as written": {ours, true},
		"as IAM and people write it": {`{"Statement": {"Sid": "Made by hand", "Principal": {"AWS": ["123456789012", "123456789012"]}, "Effect": "Allow", "Action": ["STS:AssumeRole"],
			"Condition": {"Bool": {"aws:multifactorauthpresent": true}, "StringEquals": {"STS:externalid": ["x"]}}}, "Version": "2012-10-17"}`, true},
		"another account":          {strings.Replace(ours, "123456789012", "111111111111", 1), false},
		"everybody":                {strings.Replace(ours, `{"AWS":"arn:aws:iam::123456789012:root"}`, `"*"`, 1), false},
		"a principal more":         {strings.Replace(ours, `"arn:aws:iam::123456789012:root"`, `["123456789012","111111111111"]`, 1), false},
		"an action more":           {strings.Replace(ours, `"sts:AssumeRole"`, `["sts:AssumeRole","sts:TagSession"]`, 1), false},
		"another external ID":      {strings.Replace(ours, `"x"`, `"X"`, 1), false},
		"MFA not demanded":         {strings.Replace(ours, `"true"`, `"false"`, 1), false},
		"MFA only if it's there":   {strings.Replace(ours, `"Bool"`, `"BoolIfExists"`, 1), false},
		"denied":                   {strings.Replace(ours, "Allow", "Deny", 1), false},
		"another version":          {strings.Replace(ours, "2012-10-17", "2008-10-17", 1), false},
		"without a version":        {strings.Replace(ours, `"Version":"2012-10-17",`, "", 1), false},
		"a statement more":         {strings.Replace(ours, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},`, 1), false},
		"conditions, each alone":   {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}},{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}`, false},
		"an element we don't know": {strings.Replace(ours, `"Effect"`, `"New":1,"Effect"`, 1), false},
		"a deleted user":           {strings.Replace(ours, "arn:aws:iam::123456789012:root", "AIDAQWERTYUIOPASDFGHJ", 1), false},
		"a condition twice":        {strings.Replace(ours, `"sts:ExternalId":"x"`, `"sts:externalid":"x","sts:ExternalId":"y"`, 1), false},
		"empty":                    {"", false},
		"null":                     {"null", false},
		"no statement":             {`{"Version":"2012-10-17"}`, false},
		"half a document":          {ours[:len(ours)-2], false},
	} {
		if got := sameMeaning(ours, test.document); got != test.same {
			t.Errorf("%s: the same: %v\n%s", name, got, test.document)
		}
		if test.same != (Compare(wanted(), &Have{Trust: test.document}).Trust == false) {
			t.Errorf("%s: planned to change: %v", name, test.same)
		}
	}
}

// A document is what decides who gets in: whatever is in it, reading it neither fails loudly nor takes another for it.
func FuzzSame(f *testing.F) {
	ours := wanted().Trust.Document()
	f.Add(ours)
	f.Add(`{"Statement":[{"Principal":"*"},{"NotPrincipal":{"AWS":[]}},{"Condition":{"Bool":{"a":true,"A":[1,"2"]}}}]}`)
	f.Add(`{"Statement":{"Action":null}}`)
	f.Fuzz(func(t *testing.T, document string) {
		one, err := normal(document)
		if err != nil {
			if sameMeaning(document, document) {
				t.Error("what can't be read is like itself")
			}
			difference(document, ours)
			return
		}
		again, err := normal(compact(one))
		if err != nil || compact(again) != compact(one) {
			t.Errorf("normal twice isn't once: %s, %s, %v", compact(one), compact(again), err)
		}
		if !sameMeaning(document, document) {
			t.Error("not like itself")
		}
		if sameMeaning(document, ours) && !strings.Contains(document, "123456789012") && !strings.Contains(document, `\u`) {
			t.Errorf("like ours: %s", document)
		}
		difference(document, ours)
	})
}

func TestCompare(t *testing.T) {
	have := func(change func(*Have)) *Have {
		h := &Have{ARN: wanted().ARN, Trust: wanted().Trust.Document(), MaxSession: time.Hour, Attached: []string{readOnly}, Tags: map[string]string{TagKey: TagValue}}
		change(h)
		return h
	}
	for name, test := range map[string]struct {
		policies []string
		have     *Have
		words    string
	}{
		"right":                    {nil, have(func(h *Have) {}), ""},
		"without a policy":         {nil, have(func(h *Have) { h.Attached = nil }), "attach ReadOnlyAccess"},
		"its own policies stay":    {nil, have(func(h *Have) { h.Attached = []string{admin} }), ""},
		"unless others are wanted": {[]string{readOnly}, have(func(h *Have) { h.Attached = []string{admin} }), "attach ReadOnlyAccess; detach AdministratorAccess"},
		"longer sessions":          {nil, have(func(h *Have) { h.MaxSession = 90 * time.Minute }), "sessions up to 1h instead of 1h30m"},
		"not ours":                 {nil, have(func(h *Have) { h.Tags = map[string]string{TagKey: "false"} }), "take it over (tag aws-accounts:managed)"},
		"an unreadable document":   {nil, have(func(h *Have) { h.Trust = "{" }), "trust policy: another, as this one can't be read"},
		"put together otherwise": {nil, have(func(h *Have) {
			h.Trust = strings.Replace(h.Trust, "[{", `[{"Effect":"Deny","Action":[],"Principal":{"AWS":[]}},{`, 1)
		}), "trust policy: the same, put together otherwise"},
		"open to everybody": {nil, have(func(h *Have) {
			h.Trust = strings.Replace(h.Trust, `{"AWS":"arn:aws:iam::123456789012:root"}`, `"*"`, 1)
		}), "trust policy: +trusts 123456789012, -trusts *"},
		"somebody denied as well": {nil, have(func(h *Have) {
			h.Trust = strings.Replace(h.Trust, "[{", `[{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"AWS":"1"}},{`, 1)
		}), "trust policy: -Deny allows sts:assumerole, -Deny trusts 1"},
	} {
		want := wanted()
		want.Policies = test.policies
		if got := strings.Join(Compare(want, test.have).Words, "; "); got != test.words {
			t.Errorf("%s: %q, want %q", name, got, test.words)
		}
	}
	if c := Compare(wanted(), nil); !c.Create || len(c.Attach) != 1 || c.Attach[0] != readOnly {
		t.Errorf("a new role: %+v", c)
	}
}

func TestPrincipal(t *testing.T) {
	for text, want := range map[string]string{
		"123456789012":                               "arn:aws-cn:iam::123456789012:root",
		"arn:aws-cn:iam::123456789012:root":          "arn:aws-cn:iam::123456789012:root",
		"arn:aws-cn:iam::123456789012:user/a/alice":  "arn:aws-cn:iam::123456789012:user/a/alice",
		"arn:aws-cn:iam::123456789012:role/Deployer": "arn:aws-cn:iam::123456789012:role/Deployer",
		"*":                                   "",
		"":                                    "",
		"12345678901":                         "",
		"arn:aws:iam::123456789012:root":      "",
		"arn:aws-cn:iam::123456789012:":       "",
		"arn:aws-cn:iam::*:root":              "",
		"arn:aws-cn:iam::123456789012:*":      "",
		"arn:aws-cn:iam::123456789012:root\n": "",
		"arn:aws-cn:sts::123456789012:assumed-role/A/s": "",
		`arn:aws-cn:iam::123456789012:user/a"`:          "",
		"arn:aws-cn:iam::123456789012:user/${x}":        "",
	} {
		got, err := Principal(text, "aws-cn")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	const gov = "arn:aws-us-gov:iam::987654321098:role/R"
	for text, want := range map[string]string{
		"ReadOnlyAccess":                                "arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess",
		"job-function/ViewOnlyAccess":                   "arn:aws-us-gov:iam::aws:policy/job-function/ViewOnlyAccess",
		"arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess": "arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess",
		"arn:aws-us-gov:iam::987654321098:policy/x/Own": "arn:aws-us-gov:iam::987654321098:policy/x/Own",
		"arn:aws-us-gov:iam::ACCOUNT:policy/Own":        "arn:aws-us-gov:iam::987654321098:policy/Own",
		"arn:aws-us-gov:iam::123456789012:policy/Other": "",
		"arn:aws:iam::aws:policy/ReadOnlyAccess":        "",
		"arn:aws-us-gov:iam::aws:role/ReadOnlyAccess":   "",
		"":     "",
		"a b":  "",
		"${a}": "",
		`"a"`:  "",
		"a\nb": "",
	} {
		got, err := Policy(text, gov)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// Whatever a name holds, a document keeps it as data, and says of the trust what the others say.
func TestCloudFormationHasTheSameTrustPolicy(t *testing.T) {
	want := wanted()
	want.ARN = `arn:aws:iam::987654321098:role/a"b\${AWS::AccountId}%{x}/Name`
	want.Policies = []string{admin, readOnly}
	text, err := CloudFormation(want)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources struct {
			Role struct {
				Type       string
				Properties struct {
					RoleName, Path           string
					AssumeRolePolicyDocument json.RawMessage
					ManagedPolicyArns        []string
					MaxSessionDuration       int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p := template.Resources.Role.Properties
	if p.RoleName != "Name" || p.Path != `/a"b\${AWS::AccountId}%{x}/` || p.MaxSessionDuration != 3600 || len(p.ManagedPolicyArns) != 2 {
		t.Errorf("%+v", p)
	}
	if !sameMeaning(string(p.AssumeRolePolicyDocument), want.Trust.Document()) {
		t.Errorf("trust policy %s", p.AssumeRolePolicyDocument)
	}
	if strings.Contains(text, "Fn::Sub") {
		t.Error("a template that replaces ${…}")
	}
	want.Trust.ExternalID = "{{resolve:ssm:x}}"
	if _, err := CloudFormation(want); err == nil {
		t.Error("{{resolve:…}} let through, which CloudFormation replaces")
	}
}
