package loopback

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func start(t *testing.T, answer Handler) *Server {
	t.Helper()
	s, err := Listen(0, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Clients leave out the port of HTTP.
func TestAddressedAtPort80(t *testing.T) {
	s := &Server{listener: at80{}}
	for host, want := range map[string]bool{"127.0.0.1": true, "LocalHost": true, "localhost:80": true, "localhost:81": false, "evil.example": false, "": false} {
		if s.addressed(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

type at80 struct{ net.Listener }

func (at80) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// No handler hears of who isn't here or doesn't know the server's name.
func TestStrangers(t *testing.T) {
	var asked atomic.Int32
	s := start(t, func(context.Context, *http.Request) Reply {
		asked.Add(1)
		return Reply{Status: http.StatusNoContent}
	})
	_, port, _ := net.SplitHostPort(s.Address())
	for host, want := range map[string]int{
		s.Address(): 204, "localhost:" + port: 204,
		"LOCALHOST:" + port: 204, "127.0.0.1": 403, "localhost": 403, "evil.example:80": 403, "evil.example:" + port: 403, "127.0.0.1.evil.example:" + port: 403,
		"[::1]:" + port: 403, "LOCALHOST.:" + port: 403,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		before := asked.Load()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != want || (asked.Load() != before) != (want == 204) {
			t.Errorf("%s: status %d, want %d", host, response.StatusCode, want)
		}
		if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", host, response.Header)
		}
		var answer struct{ Code, Message string }
		if want == 403 && (json.Unmarshal(body, &answer) != nil || answer.Code == "" || answer.Message == "") {
			t.Errorf("%s: %s", host, body)
		}
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
func TestBadClients(t *testing.T) {
	s := start(t, func(context.Context, *http.Request) Reply { return Refuse(418, "Teapot", "short and stout") })
	for _, text := range []string{"", "GET", "\x16\x03\x01\x00", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2*requestSize)} {
		conn, err := net.Dial("tcp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, text)
	}
	var group sync.WaitGroup
	for range 2 * requests / 3 {
		group.Go(func() {
			response, err := http.Get("http://" + s.Address() + "/")
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
	s.Close()
	if took := time.Since(began); took > requestTime/2 {
		t.Errorf("took %s to end", took)
	}
}

// Close tells handlers, and lets them give their answer.
func TestClose(t *testing.T) {
	asked := make(chan struct{})
	s := start(t, func(ctx context.Context, _ *http.Request) Reply {
		close(asked)
		<-ctx.Done()
		return Refuse(http.StatusGone, "Gone", "that was it")
	})
	status := make(chan int, 1)
	go func() {
		response, err := http.Get("http://" + s.Address() + "/")
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-asked
	s.Close()
	if got := <-status; got != http.StatusGone {
		t.Errorf("status %d", got)
	}
	if _, err := net.Dial("tcp", s.Address()); err == nil {
		t.Error("it still listens")
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t, nil)
	port := s.listener.Addr().(*net.TCPAddr).Port
	if _, err := Listen(uint16(port), nil); err == nil || !strings.HasPrefix(err.Error(), "can't listen on port ") {
		t.Error(err)
	}
}
