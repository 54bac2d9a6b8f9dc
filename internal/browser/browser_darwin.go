package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// available takes whoever isn't logged in from afar to sit at the Mac; from a service, `open` itself fails.
func available() error {
	if os.Getenv("SSH_CONNECTION") != "" {
		return fmt.Errorf("%w: this is an SSH session", errNone)
	}
	return nil
}

func open(ctx context.Context, url string) error { return run(ctx, exec.Command("/usr/bin/open", url)) }

func firefoxBesidePath() []string {
	return []string{"/Applications/Firefox.app/Contents/MacOS/firefox"}
}
