package stanza

import (
	"context"
	"fmt"
	"io"
	"os"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
)

// AskRegion asks for the region of accounts that have none. It is empty where nobody can say, or the environment does for all
// tools.
func AskRegion(ctx context.Context, asker *ask.Asker) (accounts.Region, error) {
	if os.Getenv("AWS_DEFAULT_REGION") != "" || !asker.Present() {
		return "", nil
	}
	question := "Region to work in, like eu-west-1 (Enter: none)"
	for {
		var region accounts.Region
		answer, err := asker.Optional(ctx, question)
		if err != nil || answer == "" {
			return "", err
		}
		if err := region.UnmarshalText([]byte(answer)); err != nil {
			question = fmt.Sprintf("%v (Enter: none)", err)
			continue
		}
		return region, nil
	}
}

// EnsureRegion writes the region of all accounts that have none into the accounts file. It asks for it where none is given and
// one of the accounts named has none.
func EnsureRegion(ctx context.Context, r *accounts.Reader, asker *ask.Asker, given accounts.Region, names []string, out io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	switch have := file.Defaults.Region; {
	case given != "" && have != "" && have != string(given):
		return hint.Usage(fmt.Errorf("--region=%s: the region of all accounts is %s", given, have), "`aws-accounts edit --defaults --region=%s` changes it", given)
	case have != "":
		return nil
	case given == "":
		lacks := false
		for _, name := range names {
			a, err := file.Find(name)
			lacks = lacks || err == nil && a.Region == ""
		}
		if !lacks {
			return nil
		}
		if given, err = AskRegion(ctx, asker); err != nil || given == "" {
			return err
		}
	}
	_, err = r.Change(ctx, func(old []byte) ([]byte, error) {
		return accounts.SetDefaults(r.Path, old, accounts.Field{Name: "region", Value: fmt.Sprintf("%q", given)})
	})
	if err == nil {
		_, err = fmt.Fprintf(out, "wrote the region %s into \"defaults\", for accounts without one of their own\n", given)
	}
	return err
}
