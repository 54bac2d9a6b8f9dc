package identitycenter

import (
	"bufio"
	"crypto/subtle"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// redirect is where the browser comes back to: the loopback address alone, for one sign-in (RFC 8252, section 7.3).
//
// It reads requests itself, as net/http's server would add 600 KB to the program for these few lines.
type redirect struct {
	listener net.Listener
	state    string
	arrived  chan *arrival // the first that has our state
	once     sync.Once
}

// arrival is the browser that has come back, waiting for a page.
type arrival struct {
	code    string
	refusal string // OAuth's word for it, made harmless
	conn    net.Conn
}

const (
	redirectPath = "/oauth/callback"
	// How long a browser may take for a request, which is at most so large.
	requestTime = 10 * time.Second
	requestSize = 64 << 10
)

// redirectURI is registered without a port: AWS ignores it, as RFC 8252 demands.
func redirectURI(host string) string { return "http://" + host + redirectPath }

func listen(state string) (*redirect, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &redirect{listener: l, state: state, arrived: make(chan *arrival, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn) // browsers open more connections than they use
		}
	}()
	return r, nil
}

func (r *redirect) close() { r.listener.Close() }

func (r *redirect) uri() string { return redirectURI(r.listener.Addr().String()) }

func (r *redirect) serve(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(requestTime))
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, requestSize)))
	if err != nil {
		conn.Close()
		return
	}
	query := request.URL.Query()
	ours := request.Method == http.MethodGet && request.URL.Path == redirectPath &&
		// Whoever else can reach this port doesn't know the state: another user of this machine, a page in the browser.
		subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(r.state)) == 1 &&
		(query.Get("code") != "" || query.Get("error") != "")
	first := false
	if ours {
		r.once.Do(func() { first = true })
	}
	if !first {
		writePage(conn, http.StatusNotFound, "Nothing to see here", "This is not a page of a sign-in that is under way.")
		return
	}
	conn.SetDeadline(time.Time{})
	r.arrived <- &arrival{code: query.Get("code"), refusal: oauthWord(query.Get("error")), conn: conn}
}

// oauthWord lets a code of OAuth's through, and nothing that a terminal or a log could take amiss.
func oauthWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "an error"
	}
	return s
}

// answer shows the person what came of it, once that is known.
func (a *arrival) answer(session string, err error) {
	a.conn.SetDeadline(time.Now().Add(requestTime))
	if err != nil {
		writePage(a.conn, http.StatusOK, "Not signed in", "The sign-in to "+session+" did not work. aws-accounts says why, where you started it.")
		return
	}
	writePage(a.conn, http.StatusOK, "Signed in", "You are signed in to "+session+". You can close this tab and go back to your work.")
}

func writePage(conn net.Conn, status int, title, text string) {
	defer conn.Close()
	title, text = html.EscapeString(title), html.EscapeString(text)
	body := fmt.Sprintf(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s - aws-accounts</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style>
</head><body><h1>%s</h1><p>%s</p></body></html>
`, title, title, text)
	response := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{
			"Content-Type":            {"text/html; charset=utf-8"},
			"Cache-Control":           {"no-store"},
			"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'"},
			"Referrer-Policy":         {"no-referrer"}, // the address holds the code
		},
	}
	response.Write(conn) // a browser that has left misses a page
}
