package session

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"aws-accounts/internal/loopback"
)

// Nobody gets past the endpoint's door without being here, knowing its name, the path and the token.
func TestEndpointRefuses(t *testing.T) {
	e := &endpoint{token: strings.Repeat("t", 43), turn: make(chan struct{}, 1)}
	asked := false
	l, err := loopback.Listen(0, func(ctx context.Context, request *http.Request) loopback.Reply {
		r := e.answer(ctx, request)
		asked = asked || r.Status == http.StatusOK
		return r
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	for _, c := range []struct {
		name, method, path, host, token string
		status                          int
	}{
		{"no token", "GET", endpointPath, "", "", 401},
		{"wrong token", "GET", endpointPath, "", strings.Repeat("u", 43), 401},
		{"a part of it", "GET", endpointPath, "", strings.Repeat("t", 42), 401},
		{"more than it", "GET", endpointPath, "", strings.Repeat("t", 44), 401},
		{"as a bearer", "GET", endpointPath, "", "Bearer " + e.token, 401},
		{"in the address", "GET", endpointPath + "?Authorization=" + e.token, "", "", 401},
		{"rebinding", "GET", endpointPath, "evil.example:80", e.token, 403},
		{"rebinding, our port", "GET", endpointPath, "evil.example:" + l.Address()[strings.Index(l.Address(), ":")+1:], e.token, 403},
		{"no port", "GET", endpointPath, "127.0.0.1", e.token, 403},
		{"another path", "GET", "/", "", e.token, 404},
		{"longer path", "GET", endpointPath + "/", "", e.token, 404},
		{"POST", "POST", endpointPath, "", e.token, 405},
		{"HEAD", "HEAD", endpointPath, "", e.token, 405},
		{"OPTIONS", "OPTIONS", endpointPath, "", e.token, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.Address()+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = c.host
			if c.token != "" {
				request.Header.Set("Authorization", c.token)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status {
				t.Errorf("status %d, want %d", response.StatusCode, c.status)
			}
			if strings.Contains(string(body), e.token) || response.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("says too much: %v %s", response.Header, body)
			}
			var answer struct{ Code, Message string }
			if c.method != "HEAD" && (json.Unmarshal(body, &answer) != nil || answer.Code == "" || answer.Message == "") {
				t.Errorf("not an error that an SDK can show: %s", body)
			}
		})
	}
	if asked {
		t.Error("somebody got through")
	}
}

func TestGoodToken(t *testing.T) {
	for token, want := range map[string]bool{
		randomText(): true, strings.Repeat("a", 32): true, strings.Repeat("a", 31): false,
		strings.Repeat("a", 32) + "\n": false, strings.Repeat("a ", 32): false, strings.Repeat("'", 32): false,
	} {
		if goodToken(token) != want {
			t.Errorf("%q: %v", token, !want)
		}
	}
	if a, b := randomText(), randomText(); a == b || len(a) != 43 {
		t.Errorf("%q, %q", a, b)
	}
}
