package identitycenter

import (
	"context"
	"crypto/subtle"
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"

	"aws-accounts/internal/loopback"
)

// redirect is where the browser comes back to: the loopback address alone, for one sign-in (RFC 8252, section 7.3).
type redirect struct {
	*loopback.Server
	session string // its name
	state   string
	arrived chan *arrival // the first that has our state
	once    sync.Once
}

// arrival is the browser that has come back, waiting for a page.
type arrival struct {
	code    string
	refusal string     // OAuth's word for it, made harmless
	outcome chan error // what the page shall tell; takes one without waiting
}

const redirectPath = "/oauth/callback"

// redirectURI is registered without a port: AWS ignores it, as RFC 8252 demands.
func redirectURI(host string) string { return "http://" + host + redirectPath }

func listen(session, state string) (*redirect, error) {
	r := &redirect{session: session, state: state, arrived: make(chan *arrival, 1)}
	var err error
	r.Server, err = loopback.Listen(0, r.answer)
	return r, err
}

func (r *redirect) uri() string { return redirectURI(r.Address()) }

func (r *redirect) answer(ctx context.Context, request *http.Request) loopback.Reply {
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
		return page(http.StatusNotFound, "Nothing to see here", "This is not a page of a sign-in that is under way.")
	}
	a := &arrival{query.Get("code"), oauthWord(query.Get("error")), make(chan error, 1)}
	r.arrived <- a
	return r.pageOf(a.wait(ctx))
}

// wait returns what came of the sign-in, once that is known or nobody waits for it any more.
func (a *arrival) wait(ctx context.Context) error {
	select {
	case err := <-a.outcome:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-a.outcome: // it was told just before the end
		return err
	default:
		return ctx.Err()
	}
}

func (r *redirect) pageOf(err error) loopback.Reply {
	if err != nil {
		return page(http.StatusOK, "Not signed in", "The sign-in to "+r.session+" did not work. aws-accounts says why, where you started it.")
	}
	return page(http.StatusOK, "Signed in", "You are signed in to "+r.session+". You can close this tab and go back to your work.")
}

// oauthWord lets a code of OAuth's through, and nothing that a terminal or a log could take amiss.
func oauthWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "an error"
	}
	return s
}

func page(status int, title, text string) loopback.Reply {
	title, text = html.EscapeString(title), html.EscapeString(text)
	return loopback.Reply{
		Status: status,
		Header: http.Header{
			"Content-Type":            {"text/html; charset=utf-8"},
			"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'"},
			"Referrer-Policy":         {"no-referrer"}, // the address holds the code
		},
		Body: fmt.Appendf(nil, `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s - aws-accounts</title>
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style>
</head><body><h1>%s</h1><p>%s</p></body></html>
`, title, title, text),
	}
}
