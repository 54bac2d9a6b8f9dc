package standin

import (
	"encoding/json"
	"slices"
	"strings"
)

// oneOrMore is what policies allow nearly everywhere: a value, or a list of such.
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	var one T
	if json.Unmarshal(data, &one) == nil {
		*l = oneOrMore[T]{one}
		return nil
	}
	return json.Unmarshal(data, (*[]T)(l))
}

type texts = oneOrMore[string]

// principals is {"AWS": …, "Federated": …} or "*".
type principals map[string]texts

func (p *principals) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*p = principals{"AWS": {"*"}}
		return nil
	}
	return json.Unmarshal(data, (*map[string]texts)(p))
}

type trustDocument struct {
	Version   string
	Statement oneOrMore[trustStatement]
}

type trustStatement struct {
	Effect    string
	Principal principals                  `json:"Principal"`
	Action    texts                       `json:"Action"`
	Condition map[string]map[string]texts `json:"Condition,omitempty"`
}

// parseTrust reads a trust policy as far as Trust can say it: Allow statements whose conditions hold for all of them together.
// What it can't say is refused, lest a role be more open here than in AWS.
func parseTrust(document string) (Trust, error) {
	malformed := func(why string) (Trust, error) { return Trust{}, fail(400, "MalformedPolicyDocument", "%s", why) }
	var policy trustDocument
	decoder := json.NewDecoder(strings.NewReader(document))
	if err := decoder.Decode(&policy); err != nil || len(policy.Statement) == 0 {
		return malformed("This policy contains invalid Json")
	}
	trust := Trust{Actions: []string{}}
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || len(s.Principal) == 0 || len(s.Action) == 0 {
			return malformed("the stand-in understands only Allow statements with Principal and Action")
		}
		for kind, names := range s.Principal {
			switch kind {
			case "AWS":
				for _, name := range names {
					if !slices.Contains(trust.Principals, name) {
						trust.Principals = append(trust.Principals, name)
					}
				}
			case "Federated":
				trust.WebIdentity = &WebIdentityTrust{}
			}
		}
		for _, action := range s.Action {
			if action == "sts:*" {
				trust.Actions = append(trust.Actions, "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
			} else {
				trust.Actions = append(trust.Actions, action)
			}
		}
		if !trust.conditions(s.Condition) {
			return malformed("the stand-in doesn't understand a condition of this policy")
		}
	}
	return trust, nil
}

func (t *Trust) conditions(all map[string]map[string]texts) bool {
	for operator, keys := range all {
		for key, values := range keys {
			switch {
			case key == "sts:ExternalId" && operator == "StringEquals" && len(values) == 1:
				t.ExternalID = values[0]
			case key == "aws:MultiFactorAuthPresent" && (operator == "Bool" || operator == "BoolIfExists") && len(values) == 1:
				t.MFA = values[0] == "true"
			case key == "sts:SourceIdentity" && operator == "StringLike" && len(values) == 1 && values[0] == "*":
				t.SourceIdentity = true
			case strings.HasPrefix(key, "aws:RequestTag/") && operator == "StringLike" && len(values) == 1 && values[0] == "*":
				t.Tags = append(t.Tags, strings.TrimPrefix(key, "aws:RequestTag/"))
			case strings.HasSuffix(key, ":aud") && t.WebIdentity != nil && len(values) == 1:
				t.WebIdentity.Audience = values[0]
			case strings.HasSuffix(key, ":sub") && t.WebIdentity != nil && len(values) == 1:
				t.WebIdentity.Subject = values[0]
			default:
				return false
			}
		}
	}
	return true
}

// document writes the trust of a role of the Config as a policy.
func (t Trust) document(partition string) string {
	s := trustStatement{Effect: "Allow", Action: t.Actions, Principal: principals{"AWS": {}}}
	for _, p := range t.Principals {
		if p != "*" && !strings.HasPrefix(p, "arn:") {
			p = "arn:" + partition + ":iam::" + p + ":root"
		}
		s.Principal["AWS"] = append(s.Principal["AWS"], p)
	}
	condition := func(operator, key, value string) {
		if s.Condition == nil {
			s.Condition = map[string]map[string]texts{}
		}
		if s.Condition[operator] == nil {
			s.Condition[operator] = map[string]texts{}
		}
		s.Condition[operator][key] = texts{value}
	}
	if t.ExternalID != "" {
		condition("StringEquals", "sts:ExternalId", t.ExternalID)
	}
	if t.MFA {
		condition("Bool", "aws:MultiFactorAuthPresent", "true")
	}
	if t.SourceIdentity {
		condition("StringLike", "sts:SourceIdentity", "*")
	}
	for _, key := range t.Tags {
		condition("StringLike", "aws:RequestTag/"+key, "*")
	}
	out, err := json.Marshal(trustDocument{"2012-10-17", oneOrMore[trustStatement]{s}})
	if err != nil {
		panic(err)
	}
	return string(out)
}
