package process

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// testLoopback serves answer for the length of a test.
func testLoopback(t *testing.T, answer func(context.Context, *http.Request) reply) *loopback {
	t.Helper()
	l, err := listenLoopback(0, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// Nobody gets past the endpoint's door without being here, knowing its name, the path and the token.
func TestEndpointRefuses(t *testing.T) {
	e := &endpoint{token: strings.Repeat("t", 43), turn: make(chan struct{}, 1)}
	asked := false
	l := testLoopback(t, func(ctx context.Context, request *http.Request) reply {
		r := e.answer(ctx, request)
		asked = asked || r.status == http.StatusOK
		return r
	})
	e.loopback = l
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
		{"rebinding, our port", "GET", endpointPath, "evil.example:" + l.address[strings.Index(l.address, ":")+1:], e.token, 403},
		{"no port", "GET", endpointPath, "127.0.0.1", e.token, 403},
		{"another path", "GET", "/", "", e.token, 404},
		{"longer path", "GET", endpointPath + "/", "", e.token, 404},
		{"POST", "POST", endpointPath, "", e.token, 405},
		{"HEAD", "HEAD", endpointPath, "", e.token, 405},
		{"OPTIONS", "OPTIONS", endpointPath, "", e.token, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.address+c.path, nil)
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

// The address is compared whatever the system calls it.
func TestFromLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5": true, "127.9.9.9:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true,
		"10.0.0.1:5": false, "[fe80::1]:5": false, "[::ffff:10.0.0.1]:5": false, "": false, "localhost:5": false,
	} {
		if fromLoopback(address) != want {
			t.Errorf("%q: %v", address, !want)
		}
	}
}

// What isn't HTTP, or never ends, is let go; it keeps neither the others waiting nor the end from coming.
func TestLoopbackWithBadClients(t *testing.T) {
	l := testLoopback(t, func(context.Context, *http.Request) reply { return refuse(418, "Teapot", "short and stout") })
	for _, text := range []string{"", "GET", "\x16\x03\x01\x00", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2*requestSize)} {
		conn, err := net.Dial("tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, text)
	}
	var group sync.WaitGroup
	for range 2 * requests / 3 {
		group.Go(func() {
			response, err := http.Get("http://" + l.address + "/")
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			if response.StatusCode != 418 {
				t.Error(response.Status)
			}
		})
	}
	group.Wait()
	began := time.Now()
	l.close()
	if took := time.Since(began); took > requestTime/2 {
		t.Errorf("took %s to end", took)
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
