package process

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"aws-accounts/internal/browser"
)

// browserTime is how long a browser may take to start.
const browserTime = time.Minute

// openHidden has open show link in a browser without link being in the browser's arguments, which every user of the
// machine can read: those have an address of ours that leads there, once.
func openHidden(link string, open func(address string) error) error {
	path := "/" + randomText()
	taken := make(chan struct{})
	var once sync.Once
	l, err := listenLoopback(0, func(_ context.Context, request *http.Request) reply {
		if request.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(request.URL.Path), []byte(path)) != 1 {
			return page(http.StatusNotFound, "There is nothing here.")
		}
		answer := page(http.StatusGone, "This link worked once, and was used. If that wasn't you, sign out of the console, and clear the session.")
		once.Do(func() {
			answer = reply{http.StatusSeeOther, http.Header{"Location": {link}, "Referrer-Policy": {"no-referrer"}}, nil}
			close(taken)
		})
		return answer
	})
	if err != nil {
		return err
	}
	defer l.close()
	failed := make(chan error, 1)
	go func() {
		if err := open("http://" + l.address + path); err != nil {
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

func page(status int, text string) reply {
	return reply{status, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text + "\n")}
}

// firefox returns what opens an address in Firefox itself: the desktop doesn't know the addresses of its add-ons. A
// $BROWSER is taken to be Firefox, or one of its kind.
func firefox() (func(context.Context, string) error, error) {
	if os.Getenv("BROWSER") != "" {
		return browser.Open, browser.Available()
	}
	if err := browser.Available(); err != nil {
		return nil, err
	}
	names := []string{"firefox", "firefox-esr", "firefox-developer-edition", "librewolf", "waterfox"}
	switch runtime.GOOS {
	case "darwin":
		names = append(names, "/Applications/Firefox.app/Contents/MacOS/firefox")
	case "windows":
		names = append(names, os.Getenv("ProgramFiles")+`\Mozilla Firefox\firefox.exe`)
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		return func(_ context.Context, address string) error {
			cmd := exec.Command(path, address) // with none of our files
			detach(cmd)
			if err := cmd.Start(); err != nil {
				return fmt.Errorf("starting Firefox: %w", err)
			}
			return cmd.Process.Release()
		}, nil
	}
	return nil, errors.New("no Firefox here, whose containers --container needs")
}
