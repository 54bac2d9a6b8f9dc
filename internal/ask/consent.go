package ask

import (
	"context"
	"errors"

	"aws-accounts/internal/hint"
)

// Consent asks whether to do it, unless yes has answered already. Without a yes it returns an error.
func Consent(ctx context.Context, asker *Asker, yes bool, question string) error {
	if yes {
		return nil
	}
	ok, err := asker.Confirm(ctx, question, false)
	if errors.Is(err, ErrNobody) {
		return hint.Usage(err, "--yes does it without asking, --dry-run only shows the plan")
	}
	if err == nil && !ok {
		err = errors.New("nothing was done")
	}
	return hint.New(err, "--yes does it without asking")
}
