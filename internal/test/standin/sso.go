package standin

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"
)

// portalSession checks the bearer token.
func (x *exchange) portalSession() (*center, *ssoSession, error) {
	token := x.r.Header.Get("X-Amz-Sso_bearer_token")
	for _, c := range x.s.centers {
		session := c.access[token]
		if session == nil {
			continue
		}
		if session.ended || !x.now.Before(session.tokens[token]) {
			break
		}
		x.call.Principal = c.User
		return c, session, nil
	}
	return nil, nil, fail(401, "UnauthorizedException", "Session token not found or invalid")
}

// SSORoleARN is the ARN of the role that Identity Center makes for a permission set, for use in a Trust.
func (s *Server) SSORoleARN(account, role string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.centers {
		for _, a := range c.Assignments {
			if a.Account == account && a.Role == role {
				return s.ssoRoleARN(c, a)
			}
		}
	}
	return ""
}

func (s *Server) ssoRoleARN(c *center, a Assignment) string {
	region := ""
	if c.Region != "us-east-1" { // where the path has no region
		region = c.Region + "/"
	}
	sum := sha256.Sum256([]byte(a.Account + a.Role))
	return fmt.Sprintf("arn:%s:iam::%s:role/aws-reserved/sso.amazonaws.com/%sAWSReservedSSO_%s_%x", s.account(a.Account, "").Partition, a.Account, region, a.Role, sum[:8])
}

func getRoleCredentials(x *exchange) (reply, error) {
	c, _, err := x.portalSession()
	if err != nil {
		return reply{}, err
	}
	q := x.r.URL.Query()
	if q.Get("account_id") == "" || q.Get("role_name") == "" {
		return reply{}, fail(400, "InvalidRequestException", "Invalid request")
	}
	for _, a := range c.sets[q.Get("account_id")] {
		if a.Role != q.Get("role_name") {
			continue
		}
		seconds := a.SessionDuration
		if seconds == 0 {
			seconds = 3600
		}
		issued := x.s.issue(x.s.roleSessionPrincipal(x.s.ssoRoleARN(c, a), c.User), time.Duration(seconds)*time.Second)
		return jsonReply(200, "application/json", map[string]any{"roleCredentials": map[string]any{
			"accessKeyId": issued.ID, "secretAccessKey": issued.Secret, "sessionToken": issued.Token, "expiration": issued.expires.UnixMilli(),
		}}), nil
	}
	return reply{}, fail(403, "ForbiddenException", "No access")
}

// portalPage reads the paging parameters for n items.
func (x *exchange) portalPage(c *center, n int) (from, to int, next any, err error) {
	q := x.r.URL.Query()
	size := c.PageSize
	if most, err := strconv.Atoi(q.Get("max_result")); err == nil && most > 0 && most < size {
		size = most
	}
	from, to, token, err := paging{NextToken: q.Get("next_token")}.page(n, size)
	if err != nil {
		return 0, 0, nil, fail(400, "InvalidRequestException", "Invalid next token")
	}
	if token != "" {
		next = token
	}
	return from, to, next, nil
}

func listAssignedAccounts(x *exchange) (reply, error) {
	c, _, err := x.portalSession()
	if err != nil {
		return reply{}, err
	}
	from, to, next, err := x.portalPage(c, len(c.order))
	if err != nil {
		return reply{}, err
	}
	accounts := []map[string]string{}
	for _, id := range c.order[from:to] {
		account := x.s.account(id, "")
		accounts = append(accounts, map[string]string{"accountId": id, "accountName": account.Name, "emailAddress": orElse(account.Email, id+"@example.com")})
	}
	return jsonReply(200, "application/json", map[string]any{"accountList": accounts, "nextToken": next}), nil
}

func listAssignedRoles(x *exchange) (reply, error) {
	c, _, err := x.portalSession()
	if err != nil {
		return reply{}, err
	}
	account := x.r.URL.Query().Get("account_id")
	var roles []map[string]string
	for _, a := range c.sets[account] {
		roles = append(roles, map[string]string{"accountId": a.Account, "roleName": a.Role})
	}
	if roles == nil {
		return reply{}, fail(403, "ForbiddenException", "No access")
	}
	from, to, next, err := x.portalPage(c, len(roles))
	if err != nil {
		return reply{}, err
	}
	return jsonReply(200, "application/json", map[string]any{"roleList": roles[from:to], "nextToken": next}), nil
}

func ssoLogout(x *exchange) (reply, error) {
	_, session, err := x.portalSession()
	if err != nil {
		return reply{}, err
	}
	session.ended = true
	return reply{status: 200}, nil
}

// EndSSOSessions signs everybody out, as an administrator can: access and refresh tokens are void.
func (s *Server) EndSSOSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.centers {
		for _, session := range c.access {
			session.ended = true
		}
	}
}
