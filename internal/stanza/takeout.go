package stanza

import (
	"context"
	"fmt"
	"io"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/tui"
)

// TakeOut takes accounts out of the accounts file, with their stanzas and sessions. It goes from what depends to what is
// depended on: stanza, entry, session. Stopped in between, what is left is whole.
func TakeOut(ctx context.Context, r *accounts.Reader, names []string, program *Program, sessions *cache.Sessions, stdout io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	if err := (&Edit{Names: names, Remove: true}).Run(r, program, stdout); err != nil {
		return err
	}
	if _, err := r.Change(ctx, func(old []byte) ([]byte, error) {
		return accounts.Remove(r.Path, old, names...)
	}); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: removed %s\n", tui.ShowPath(r.Path), strings.Join(names, ", "))
	for _, name := range names {
		if a, err := file.Find(name); err == nil && a.Way().Keychain {
			fmt.Fprintf(stdout, "next: the access key of %s is still in the keychain; `aws-accounts keys remove %s` forgets it\n", a.Name, a.Name)
		}
	}
	if _, err := sessions.Forget(ctx, names); err != nil {
		return fmt.Errorf("removed, but the sessions could not be forgotten: %w", err)
	}
	return nil
}
