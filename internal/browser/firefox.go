package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

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
