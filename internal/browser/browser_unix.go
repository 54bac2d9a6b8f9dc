//go:build !windows && !darwin

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// available wants a desktop, which SSH, containers and services don't have, and somebody on it who opens links.
func available() error {
	_, err := opener()
	return err
}

func opener() (string, error) {
	var openers []string
	if os.Getenv("WSL_DISTRO_NAME") != "" {
		openers = append(openers, "wslview") // on the desktop of the Windows around us
	}
	if os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" {
		openers = append(openers, "xdg-open", "x-www-browser")
	}
	for _, name := range openers {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if len(openers) == 0 {
		return "", fmt.Errorf("%w: no desktop", errNone)
	}
	return "", fmt.Errorf("%w: no %s", errNone, openers[0])
}

func open(ctx context.Context, url string) error {
	path, err := opener()
	if err != nil {
		return err
	}
	return run(ctx, exec.Command(path, url))
}

func firefoxBesidePath() []string { return nil }
