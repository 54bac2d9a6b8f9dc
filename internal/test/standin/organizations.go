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
	if o == nil || len(o.Members) == 0 {
		return nil, fail(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	}
	if x.operation != "DescribeOrganization" && x.caller.account.ID != o.ManagementAccount && !slices.Contains(o.Delegated, x.caller.account.ID) {
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
	MaxResults *int
	ParentId   string
	ResourceId string
}

// page cuts n items: from, to, and the next token.
func (p paging) page(n, size int) (from, to int, next string, err error) {
	if p.MaxResults != nil {
		if *p.MaxResults < 1 || *p.MaxResults > 20 { // the range of every list that is here
			return 0, 0, "", fail(400, "InvalidInputException", "You specified an invalid value for maxResults.")
		}
		size = min(size, *p.MaxResults)
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

// parent checks that there is such a root or organizational unit.
func (o *Organization) parent(id string) error {
	if id != rootID && !slices.ContainsFunc(o.Units, func(u OrgUnit) bool { return u.ID == id }) {
		return fail(400, "ParentNotFoundException", "You specified parent that doesn't exist.")
	}
	return nil
}

func (o *Organization) pageSize() int {
	if o.PageSize == 0 {
		return 20
	}
	return o.PageSize
}

// listOrgAccounts is ListAccountsForParent, too, whose first page is empty, as AWS warns that any page can be.
func listOrgAccounts(x *exchange) (reply, error) {
	var in paging
	o, err := x.organization(&in)
	if err != nil {
		return reply{}, err
	}
	members := o.Members
	if x.operation == "ListAccountsForParent" {
		if err := o.parent(in.ParentId); err != nil {
			return reply{}, err
		}
		members = x.s.membersOf(in.ParentId)
		if in.NextToken == "" && len(members) > 0 {
			return x.jsonReply(map[string]any{"Accounts": []any{}, "NextToken": "0"})
		}
	}
	from, to, next, err := in.page(len(members), o.pageSize())
	if err != nil {
		return reply{}, err
	}
	accounts := []map[string]any{}
	for _, m := range members[from:to] {
		status := orElse(m.Status, "ACTIVE")
		account := map[string]any{
			"Id": m.ID, "Arn": "arn:" + x.caller.account.Partition + ":organizations::" + o.ManagementAccount + ":account/o-standin000/" + m.ID,
			"Name": m.Name, "Email": orElse(m.Email, m.Name+"@example.com"), "State": status,
			"JoinedMethod": "CREATED", "JoinedTimestamp": 1700000000.0,
		}
		accounts = append(accounts, account)
	}
	out := map[string]any{"Accounts": accounts}
	if next != "" {
		out["NextToken"] = next
	}
	return x.jsonReply(out)
}

// membersOf are the accounts right below a parent.
func (s *Server) membersOf(parent string) []OrgMember {
	if s.children == nil {
		s.children = map[string][]OrgMember{}
		for _, m := range s.config.Organization.Members {
			above := orElse(m.Parent, rootID)
			s.children[above] = append(s.children[above], m)
		}
	}
	return s.children[parent]
}

func listOrgUnits(x *exchange) (reply, error) {
	var in paging
	o, err := x.organization(&in)
	if err != nil {
		return reply{}, err
	}
	if err := o.parent(in.ParentId); err != nil {
		return reply{}, err
	}
	units := []map[string]string{}
	for _, u := range o.Units {
		if orElse(u.Parent, rootID) == in.ParentId {
			units = append(units, map[string]string{"Id": u.ID, "Name": u.Name})
		}
	}
	from, to, next, err := in.page(len(units), o.pageSize())
	if err != nil {
		return reply{}, err
	}
	out := map[string]any{"OrganizationalUnits": units[from:to]}
	if next != "" {
		out["NextToken"] = next
	}
	return x.jsonReply(out)
}

// SetMembers replaces the accounts of the organization. Without any there is no organization.
func (s *Server) SetMembers(members ...OrgMember) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := *s.config.Organization
	changed.Members = members
	s.config.Organization, s.children = &changed, nil
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
	if i := slices.IndexFunc(o.Members, func(m OrgMember) bool { return m.ID == in.ResourceId }); i >= 0 {
		m := o.Members[i]
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
