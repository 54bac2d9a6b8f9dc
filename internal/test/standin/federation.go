package standin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// signin is a token that getSigninToken gave.
type signin struct {
	principal *principal
	expires   time.Time
}

// getSigninToken exchanges a role's session for a token. The endpoint is terse: whatever is wrong is a bare 400.
func getSigninToken(x *exchange) (reply, error) {
	bad := fail(400, "BadRequest", "Bad Request")
	form := x.r.Form
	var session struct {
		ID     string `json:"sessionId"`
		Secret string `json:"sessionKey"`
		Token  string `json:"sessionToken"`
	}
	if json.Unmarshal([]byte(form.Get("Session")), &session) != nil {
		return reply{}, bad
	}
	c := x.s.keys[session.ID]
	if c == nil || c.Secret != session.Secret || c.Token == "" || c.Token != session.Token || !x.now.Before(c.expires) {
		return reply{}, bad
	}
	x.call.AccessKey, x.call.Principal = c.ID, c.principal.arn
	if c.principal.kind != roleSession { // GetSessionToken's credentials don't federate
		return reply{}, bad
	}
	if value := form.Get("SessionDuration"); value != "" {
		// Not for a chained role, whose session can't be longer than it is.
		if seconds, err := strconv.Atoi(value); err != nil || seconds < 900 || seconds > 43200 || c.principal.chained {
			return reply{}, bad
		}
	}
	token := x.s.mint("", 600)
	x.s.signins[token] = &signin{c.principal, x.now.Add(15 * time.Minute)}
	return jsonReply(200, "application/json", map[string]string{"SigninToken": token}), nil
}

// login sends the browser to its destination.
func login(x *exchange) (reply, error) {
	form := x.r.Form
	s := x.s.signins[form.Get("SigninToken")]
	if s == nil || !x.now.Before(s.expires) || form.Get("Destination") == "" {
		return reply{}, fail(400, "BadRequest", "Bad Request")
	}
	x.call.Principal = s.principal.arn
	return reply{302, http.Header{"Location": {form.Get("Destination")}}, nil}, nil
}

func unknownFederation(*exchange) (reply, error) {
	return reply{}, fail(400, "BadRequest", "Bad Request")
}
