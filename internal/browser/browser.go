// Package browser opens a web page in the person's browser.
//
// Invariant: a browser is started only where a person can see it, in a session of its own and with none of our files: no
// Ctrl-C at our terminal ends it, and no caller of ours waits for it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"aws-accounts/internal/private"
)

var errNone = errors.New("no browser here")

// settled is how long what starts the browser may run before that counts as success: some are the browser itself.
const settled = 5 * time.Second

// Available returns nil if Open has a browser to start. Else the error is errNone, with the reason. It starts nothing.
func Available() error {
	if os.Getenv("BROWSER") != "" {
		_, err := named("")
		return err
	}
	return available()
}

// Open opens the page at url, which must be an absolute one, in the browser that $BROWSER names (a list, separated as
// $PATH; each a command, with %s for the address), else in that of the desktop. It returns when that is known to have
// worked or not, after a few seconds at most.
func Open(ctx context.Context, url string) error {
	if os.Getenv("BROWSER") != "" {
		cmd, err := named(url)
		if err != nil {
			return err
		}
		return run(ctx, cmd)
	}
	if err := available(); err != nil {
		return err
	}
	return open(ctx, url)
}

// named is the command of the first browser in $BROWSER that is installed.
func named(url string) (*exec.Cmd, error) {
	for _, command := range filepath.SplitList(os.Getenv("BROWSER")) {
		if path, err := exec.LookPath(command); err == nil {
			return exec.Command(path, url), nil
		}
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		path, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		placed := false
		for i, word := range words {
			placed = placed || strings.Contains(word, "%s")
			words[i] = strings.ReplaceAll(word, "%s", url)
		}
		if !placed {
			words = append(words, url)
		}
		return exec.Command(path, words[1:]...), nil
	}
	return nil, fmt.Errorf("%w: $BROWSER names none that is installed", errNone)
}

// run starts cmd and leaves it to itself.
func run(ctx context.Context, cmd *exec.Cmd) error {
	detach(cmd)
	cmd.Env = private.Environment()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", filepath.Base(cmd.Path), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wait := time.NewTimer(settled)
	defer wait.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
		}
		return nil
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return nil
	}
}

// Firefox returns what opens an address in Firefox, which alone knows the addresses of its add-ons: the desktop doesn't. A
// $BROWSER is taken to be Firefox, or one of its kind.
func Firefox() (open func(ctx context.Context, url string) error, err error) {
	if err := Available(); err != nil {
		return nil, err
	}
	if os.Getenv("BROWSER") != "" {
		return Open, nil
	}
	names := []string{"firefox", "firefox-esr", "firefox-developer-edition", "librewolf", "waterfox"}
	for _, name := range append(names, firefoxBesidePath()...) {
		if path, err := exec.LookPath(name); err == nil {
			return func(ctx context.Context, url string) error { return run(ctx, exec.Command(path, url)) }, nil
		}
	}
	return nil, errors.New("no Firefox here, whose containers --container needs")
}
