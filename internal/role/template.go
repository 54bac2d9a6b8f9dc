package role

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aws-accounts/internal/pattern"
)

// Documents are what IAM needs to be told so that roles can be made and assumed.
type Documents struct {
	Trust     json.RawMessage `json:"trust_policy"`     // of the role
	Caller    json.RawMessage `json:"caller_policy"`    // of who assumes it
	Bootstrap json.RawMessage `json:"bootstrap_policy"` // of the role that makes it
}

// DocumentsFor are those of the role want in all the accounts whose ARNs of it are given.
func DocumentsFor(want Want, arns []string) Documents {
	// Where role and policy are made from a template, an account's number may be any.
	var anywhere []string
	for _, a := range arns {
		parts := strings.SplitN(a, ":", 6)
		parts[4] = "*"
		anywhere = append(anywhere, strings.Join(parts, ":"))
	}
	slices.Sort(anywhere)
	allow := func(resources []string, actions ...string) statement {
		return statement{Effect: "Allow", Action: actions, Resource: resources}
	}
	return Documents{
		Trust:  json.RawMessage(want.Trust.Document()),
		Caller: json.RawMessage(compact(document{"2012-10-17", []statement{allow(arns, want.Trust.document().Statement[0].Action...)}})),
		Bootstrap: json.RawMessage(compact(document{"2012-10-17", []statement{
			allow(slices.Compact(anywhere), "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
				"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
			allow([]string{"*"}, "iam:GetPolicy"),
		}})),
	}
}

// dynamic is what CloudFormation replaces wherever it stands, and no escape keeps it from that.
var dynamic = pattern.New(`\{\{.*\}\}`)

// CloudFormation is a template, in JSON, of a stack that makes the role: for a StackSet over an organisation, say.
func CloudFormation(want Want) (string, error) {
	if text := want.ARN + want.Trust.Document(); dynamic.MatchString(text) {
		return "", fmt.Errorf("CloudFormation would replace the {{…}} in %s", want.ARN)
	}
	template := map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              "The role that aws-accounts enters an account through. It has a name, so it needs CAPABILITY_NAMED_IAM.",
		"Resources": map[string]any{"Role": map[string]any{
			"Type": "AWS::IAM::Role",
			"Properties": map[string]any{
				"RoleName":                 Name(want.ARN),
				"Path":                     Path(want.ARN),
				"Description":              Description,
				"AssumeRolePolicyDocument": want.Trust.document(),
				"ManagedPolicyArns":        want.policies(),
				"MaxSessionDuration":       int(want.MaxSession.Seconds()),
				"Tags":                     []map[string]string{{"Key": TagKey, "Value": TagValue}},
			},
		}},
		"Outputs": map[string]any{"RoleArn": map[string]any{"Value": map[string]any{"Fn::GetAtt": []string{"Role", "Arn"}}}},
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(compact(template)), "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}

//go:embed role.tf
var module string

var jsonName = pattern.New(`(?m)^(\s*"(?:[^"\\]|\\.)*"): `)

// Terraform is a module that makes the role, in HCL. JSON is an expression of HCL, but for what begins one within a string.
func Terraform(want Want) string {
	hcl := func(v any, indent string) string {
		var b bytes.Buffer
		json.Indent(&b, []byte(compact(v)), indent, "  ")      // our own
		text := jsonName.ReplaceAllString(b.String(), "$1 : ") // as `terraform fmt` has it
		return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
	}
	return fmt.Sprintf(module, hcl(Name(want.ARN), ""), hcl(Path(want.ARN), ""), hcl(Description, ""),
		int(want.MaxSession.Seconds()), hcl(want.Trust.document(), "  "), hcl(TagKey, ""), hcl(TagValue, ""), hcl(want.policies(), "  "))
}
