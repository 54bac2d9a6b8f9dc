package standin

import (
	"net/http"
	"net/url"
	"strings"
)

// public is an operation that needs no signature; it is known by its method and path.
type public struct {
	service, operation string
	protocol           protocol
}

var publicRoutes = map[string]public{
	"POST /client/register":          {"sso-oidc", "RegisterClient", oidc},
	"POST /device_authorization":     {"sso-oidc", "StartDeviceAuthorization", oidc},
	"POST /token":                    {"sso-oidc", "CreateToken", oidc},
	"GET " + authorizePath:           {"sso-oidc", "Authorize", plain},
	"GET " + devicePath:              {"sso-oidc", "DevicePage", plain},
	"POST " + devicePath:             {"sso-oidc", "ApproveDevice", plain},
	"GET /federation/credentials":    {"sso", "GetRoleCredentials", portal},
	"GET /assignment/accounts":       {"sso", "ListAccounts", portal},
	"GET /assignment/roles":          {"sso", "ListAccountRoles", portal},
	"POST /logout":                   {"sso", "Logout", portal},
	"GET /federation":                {"signin", "", plain}, // the Action parameter says which
	"POST /federation":               {"signin", "", plain},
	"GET " + consoleAuthorizePath:    {"signin", "Authorize", plain},
	"GET " + consoleConfirmationPath: {"signin", "Confirmation", plain},
	"POST " + consoleTokenPath:       {"signin", "CreateOAuth2Token", oauth},
	"GET " + containerPath:           {"container", "GetCredentials", plain},
	"PUT /latest/api/token":          {"imds", "GetToken", plain},
}

func publicOperation(r *http.Request, body []byte) (public, bool) {
	if strings.HasPrefix(r.URL.Path, "/latest/meta-data/") && r.Method == http.MethodGet {
		return public{"imds", "GetMetadata", plain}, true
	}
	if strings.HasPrefix(r.URL.Path, containerPath+"/") {
		return public{"container", "GetCredentials", plain}, true
	}
	p, ok := publicRoutes[r.Method+" "+r.URL.Path]
	if r.URL.Path == "/federation" {
		r.Body = readerOf(body)
		if err := r.ParseForm(); err != nil {
			r.Form = url.Values{}
		}
		p.operation = map[string]string{"getSigninToken": "GetSigninToken", "login": "Login"}[r.Form.Get("Action")]
	}
	return p, ok
}
