package dotaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/place"
)

// ReadToChange reads a file of ~/.aws that is to be changed: nil if it's missing. Anything but a regular file is
// refused: AWS_CONFIG_FILE may be /dev/null, which we would replace, or a pipe, which would keep us waiting.
func ReadToChange(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, hint.New(fmt.Errorf("%s is not a regular file", path), "point AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE at ordinary files, or unset them")
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, hint.FileError(err))
	}
	return data, nil
}

// ChangeConfig replaces ~/.aws/config by what edit makes of it, nil if there is none, while no other process of ours
// changes it. What was there is kept in the file backup, which is "" if there was nothing to keep.
func ChangeConfig(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) (backup string, err error) {
	err = changeAWS(ctx, lock.AWSConfig, path, func(old []byte) ([]byte, error) {
		edited, err := edit(old)
		if err != nil || old == nil || bytes.Equal(edited, old) {
			return edited, err
		}
		backup = path + ".aws-accounts.bak"
		if err := atomicfile.Write(backup, old, 0o600); err != nil {
			return nil, fmt.Errorf("keeping a backup of %s: %w", path, hint.FileError(err))
		}
		return edited, nil
	})
	return backup, err
}

// ChangeCredentials is ChangeConfig for ~/.aws/credentials. It keeps no backup, which would hold the key that was to go.
func ChangeCredentials(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) error {
	return changeAWS(ctx, lock.AWSCredentials, path, edit)
}

// changeAWS holds the lock of that name meanwhile, where there is a place for one.
func changeAWS(ctx context.Context, name, path string, edit func(old []byte) ([]byte, error)) error {
	if locks, err := place.Locks(); err == nil {
		release, err := lock.ToChange(ctx, locks, name, path)
		if err != nil {
			return err
		}
		defer release()
	}
	old, err := ReadToChange(path)
	if err != nil {
		return err
	}
	edited, err := edit(old)
	if err != nil || bytes.Equal(edited, old) {
		return err
	}
	if err := atomicfile.Write(path, edited, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, hint.FileError(err))
	}
	return nil
}
