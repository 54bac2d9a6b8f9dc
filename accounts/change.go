package accounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/tui"
)

// Empty is the least file, for somebody who has none yet.
const Empty = "{\n  \"accounts\": []\n}\n"

// Change replaces the file at path by what edit makes of it, and reports whether that is something else. What edit is given
// is what is there while nobody else of us can write, Empty if there is no file; what it returns is checked before it is
// written. Locks are held in locks.
func Change(ctx context.Context, path, locks string, edit func(old []byte) ([]byte, error)) (changed bool, err error) {
	release, err := lock.ToChange(ctx, locks, lock.AccountsFile, tui.ShowPath(path))
	if err != nil {
		return false, err
	}
	defer release()
	old, _, err := read(path)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		old, err = []byte(Empty), nil
	}
	if err != nil {
		return false, err
	}
	edited, err := edit(old)
	if err != nil {
		return false, refused(err)
	}
	if string(edited) == string(old) && !created {
		return false, nil
	}
	if _, err := Parse(path, edited); err != nil {
		return false, refused(err)
	}
	if err := atomicfile.Write(path, edited, 0o600); err != nil {
		return false, fmt.Errorf("writing %s: %w", tui.ShowPath(path), hint.FileError(err))
	}
	return true, nil
}

// refused is what is wrong with a file that was never written, so that its lines would mean nothing to anybody.
func refused(err error) error {
	problems, ok := errors.AsType[*Problems](err)
	if !ok {
		return err
	}
	step := "correct that and try again; `aws-accounts schema` describes every field"
	if problems.doubt != "" {
		step = fmt.Sprintf("`aws-accounts %s` first, and so for each role without one", problems.doubt)
	}
	return hint.New(fmt.Errorf("nothing was written: %w", withoutLines(err)), "%s", step)
}

func withoutLines(err error) error {
	problems, ok := errors.AsType[*Problems](err)
	if !ok {
		return err
	}
	var texts []string
	for _, p := range problems.List {
		texts = append(texts, p.Message)
	}
	return errors.New(strings.Join(texts, "; "))
}
