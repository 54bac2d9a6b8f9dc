package role

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
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

// Terraform is a module that makes the role, in HCL as `terraform fmt` has it.
func Terraform(want Want) string {
	var trust any
	json.Unmarshal([]byte(want.Trust.Document()), &trust) // our own
	return fmt.Sprintf(module, hclString(Name(want.ARN)), hclString(Path(want.ARN)), hclString(Description),
		int(want.MaxSession.Seconds()), hcl(trust, "  "), hclString(TagKey), hclString(TagValue), hcl(want.policies(), "  "))
}

// hcl writes what JSON can say as an expression of HCL, its lines after the first behind indent.
func hcl(v any, indent string) string {
	switch v := v.(type) {
	case map[string]any:
		return hclObject(v, indent)
	case []any:
		return hclList(v, indent)
	case []string:
		return hclList(v, indent)
	case string:
		return hclString(v)
	}
	return compact(v)
}

func hclList[T any](list []T, indent string) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = hcl(item, indent)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// hclObject aligns the values of neighbouring lines, as `terraform fmt` does.
func hclObject(object map[string]any, indent string) string {
	keys := slices.Sorted(maps.Keys(object))
	values := make([]string, len(keys))
	for i, key := range keys {
		values[i] = hcl(object[key], indent+"  ")
	}
	var b strings.Builder
	b.WriteString("{\n")
	for i, key := range keys {
		width := len(hclString(key))
		for j := range keys { // those of one run of lines, each with a value of one line
			if !strings.Contains(strings.Join(values[min(i, j):max(i, j)+1], ""), "\n") {
				width = max(width, len(hclString(keys[j])))
			}
		}
		fmt.Fprintf(&b, "%s  %-*s = %s\n", indent, width, hclString(key), values[i])
	}
	b.WriteString(indent + "}")
	return b.String()
}

// hclString quotes text so that neither a quote nor a ${…} or %{…} ends it.
func hclString(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(compact(text))
}
