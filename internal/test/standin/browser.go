package standin

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The pages of Identity Center that a person sees. A test's browser is http.Get.

const authorizePath = "/authorize"

// authorize signs its visitor in at once and sends him back to the client with a code.
func authorize(x *exchange) (reply, error) {
	q := x.r.URL.Query()
	id, redirect := q.Get("client_id"), q.Get("redirect_uri")
	for _, c := range x.s.centers {
		client := c.clients[id]
		if client == nil || !client.redirects(redirect) {
			continue
		}
		target, err := url.Parse(redirect)
		if err != nil {
			break
		}
		back := url.Values{"state": q["state"]}
		if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
			back.Set("error", "invalid_request")
		} else {
			code := x.s.mint("", 120)
			c.codes[code] = &codeGrant{client: id, redirectURI: redirect, challenge: q.Get("code_challenge"), expires: x.now.Add(10 * time.Minute)}
			back.Set("code", code)
		}
		target.RawQuery = back.Encode()
		return reply{302, http.Header{"Location": {target.String()}}, nil}, nil
	}
	return reply{}, fail(400, "InvalidRequest", "unknown client or redirect URI")
}

// redirects compares without the port, as RFC 8252 says for loopback.
func (c *oidcClient) redirects(to string) bool {
	u, err := url.Parse(to)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.redirectURIs, func(registered string) bool {
		r, err := url.Parse(registered)
		return err == nil && r.Scheme == u.Scheme && r.Hostname() == u.Hostname() && r.Path == u.Path
	})
}

// devicePage shows a form; posting it approves.
func devicePage(x *exchange) (reply, error) {
	code := html.EscapeString(x.r.URL.Query().Get("user_code"))
	page := "<!DOCTYPE html>\n<title>Authorize</title><form method=post><label>Code <input name=user_code value=\"" + code + "\"></label>" +
		"<button>Allow</button><button name=deny value=1>Deny</button></form>\n"
	return newReply(200, "text/html; charset=utf-8", []byte(page)), nil
}

func approveDevicePage(x *exchange) (reply, error) {
	form, err := url.ParseQuery(string(x.body))
	if err != nil {
		return reply{}, fail(400, "InvalidRequest", "unreadable form")
	}
	if err := x.s.decideDevice(form.Get("user_code"), form.Get("deny") == ""); err != nil {
		return reply{}, fail(404, "InvalidRequest", "%v", err)
	}
	return newReply(200, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\n<title>Done</title>You can close this window.\n")), nil
}

// ApproveDevice does what a person does on the verification page.
func (s *Server) ApproveDevice(userCode string) error { return s.lockedDevice(userCode, true) }

// DenyDevice refuses there.
func (s *Server) DenyDevice(userCode string) error { return s.lockedDevice(userCode, false) }

func (s *Server) lockedDevice(userCode string, approve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.decideDevice(userCode, approve)
}

func (s *Server) decideDevice(userCode string, approve bool) error {
	for _, c := range s.centers {
		for _, grant := range c.devices {
			if grant.userCode == userCode {
				grant.approved, grant.denied = approve, !approve
				return nil
			}
		}
	}
	return fmt.Errorf("no device is waiting with the code %q", userCode)
}

// PendingDevices are the user codes that wait for approval.
func (s *Server) PendingDevices() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var codes []string
	for _, c := range s.centers {
		for _, grant := range c.devices {
			if !grant.approved && !grant.denied {
				codes = append(codes, grant.userCode)
			}
		}
	}
	return codes
}
