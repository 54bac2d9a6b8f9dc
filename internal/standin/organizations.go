package standin

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

const rootID = "r-root"

// organization is the declared one, if the caller's account may ask about it.
func (x *exchange) organization(input any) (*Organization, error) {
	if err := json.Unmarshal(x.body, input); err != nil {
		return nil, fail(400, "SerializationException", "")
	}
	if err := x.authorizeJSON("organizations:" + x.operation); err != nil {
		return nil, err
	}
	o := x.s.config.Organization
	if o == nil {
		return nil, fail(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	}
	if x.operation != "DescribeOrganization" && x.caller.account.ID != o.ManagementAccount {
		return nil, fail(400, "AccessDeniedException", "You don't have permissions to access this resource.")
	}
	return o, nil
}

func (x *exchange) authorizeJSON(action string) error {
	if err := x.authorize(action, "*"); err != nil {
		return fail(400, "AccessDeniedException", "User: %s is not authorized to perform: %s because no identity-based policy allows the %s action", x.caller.arn, action, action)
	}
	return nil
}

func (x *exchange) jsonReply(v any) (reply, error) {
	return jsonReply(200, "application/x-amz-json-1.1", v), nil
}

func describeOrganization(x *exchange) (reply, error) {
	o, err := x.organization(&struct{}{})
	if err != nil {
		return reply{}, err
	}
	prefix := "arn:" + x.caller.account.Partition + ":organizations::" + o.ManagementAccount
	return x.jsonReply(map[string]any{"Organization": map[string]any{
		"Id": "o-standin000", "Arn": prefix + ":organization/o-standin000", "FeatureSet": "ALL",
		"MasterAccountId": o.ManagementAccount, "MasterAccountArn": prefix + ":account/o-standin000/" + o.ManagementAccount,
		"MasterAccountEmail": "management@example.com",
	}})
}

type paging struct {
	NextToken  string
	MaxResults int
	ParentId   string
	ResourceId string
}

// page cuts n items: from, to, and the next token.
func (p paging) page(n, size int) (from, to int, next string, err error) {
	if p.MaxResults > 0 && p.MaxResults < size {
		size = p.MaxResults
	}
	if p.NextToken != "" {
		if from, err = strconv.Atoi(p.NextToken); err != nil || from < 0 || from > n {
			return 0, 0, "", fail(400, "InvalidInputException", "You specified an invalid value for nextToken.")
		}
	}
	if to = from + size; to >= n {
		return from, n, "", nil
	}
	return from, to, strconv.Itoa(to), nil
}

// listOrgAccounts is ListAccountsForParent, too. Paging goes over all members, so that pages may come out short or empty, as
// AWS warns they can.
func listOrgAccounts(x *exchange) (reply, error) {
	var in paging
	o, err := x.organization(&in)
	if err != nil {
		return reply{}, err
	}
	size := o.PageSize
	if size == 0 {
		size = 20
	}
	from, to, next, err := in.page(len(o.Members), size)
	if err != nil {
		return reply{}, err
	}
	accounts := []map[string]any{}
	for _, m := range o.Members[from:to] {
		if parent := orElse(m.Parent, rootID); x.operation == "ListAccountsForParent" && parent != in.ParentId {
			continue
		}
		status := orElse(m.Status, "ACTIVE")
		accounts = append(accounts, map[string]any{
			"Id": m.ID, "Arn": "arn:" + x.caller.account.Partition + ":organizations::" + o.ManagementAccount + ":account/o-standin000/" + m.ID,
			"Name": m.Name, "Email": orElse(m.Email, m.Name+"@example.com"), "Status": status, "State": status,
			"JoinedMethod": "CREATED", "JoinedTimestamp": 1700000000.0,
		})
	}
	out := map[string]any{"Accounts": accounts}
	if next != "" {
		out["NextToken"] = next
	}
	return x.jsonReply(out)
}

func listRoots(x *exchange) (reply, error) {
	o, err := x.organization(&paging{})
	if err != nil {
		return reply{}, err
	}
	return x.jsonReply(map[string]any{"Roots": []any{map[string]any{
		"Id": rootID, "Name": "Root", "Arn": "arn:" + x.caller.account.Partition + ":organizations::" + o.ManagementAccount + ":root/o-standin000/" + rootID, "PolicyTypes": []any{},
	}}})
}

func listOrgTags(x *exchange) (reply, error) {
	var in paging
	o, err := x.organization(&in)
	if err != nil {
		return reply{}, err
	}
	for _, m := range o.Members {
		if m.ID != in.ResourceId {
			continue
		}
		tags := []map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(m.Tags)) {
			tags = append(tags, map[string]string{"Key": key, "Value": m.Tags[key]})
		}
		return x.jsonReply(map[string]any{"Tags": tags})
	}
	return reply{}, fail(400, "TargetNotFoundException", "You specified a target that doesn't exist.")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
