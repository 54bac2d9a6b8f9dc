package session

import (
	"context"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"aws-accounts/internal/loopback"
)

// browserTime is how long a browser may take to start.
const browserTime = time.Minute

// openHidden has open show link in a browser without link being in the browser's arguments, which every user of the
// machine can read: those have an address of ours that leads there, once.
func openHidden(link string, open func(address string) error) error {
	path := "/" + randomText()
	taken := make(chan struct{})
	var once sync.Once
	l, err := loopback.Listen(0, func(_ context.Context, request *http.Request) loopback.Reply {
		if request.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(request.URL.Path), []byte(path)) != 1 {
			return page(http.StatusNotFound, "There is nothing here.")
		}
		answer := page(http.StatusGone, "This link worked once, and was used. If that wasn't you, sign out of the console, and clear the session.")
		once.Do(func() {
			answer = loopback.Reply{Status: http.StatusSeeOther, Header: http.Header{"Location": {link}, "Referrer-Policy": {"no-referrer"}}}
			close(taken)
		})
		return answer
	})
	if err != nil {
		return err
	}
	defer l.Close()
	failed := make(chan error, 1)
	go func() {
		if err := open("http://" + l.Address() + path); err != nil {
			failed <- err
		}
	}()
	wait := time.NewTimer(browserTime)
	defer wait.Stop()
	select {
	case <-taken:
		return nil
	case err := <-failed:
		return err
	case <-wait.C:
		return errNoBrowserCame
	}
}

func page(status int, text string) loopback.Reply {
	return loopback.Reply{Status: status, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte(text + "\n")}
}
