// Package dotaws reads the files of ~/.aws and replaces them. What their lines mean is for package awsfiles to know.
//
// Invariant: a file is replaced as a whole, while no other process of ours changes it, and only if it is an ordinary file.
package dotaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/place"
	"aws-accounts/internal/tui"
)

// Files are AWS's config and credentials files, as one look has found them. Whatever a call needs of them it takes from here.
type Files struct {
	*awsfiles.Files
	Path map[awsfiles.File]string // for messages
	Data map[awsfiles.File][]byte
}

// ReadAll reads both files of ~/.aws. One that is missing is an empty one.
func ReadAll() (*Files, error) { return Of(version.FirstAWS(time.Now())) }

// Of reads both as a look has found them.
func Of(look *version.AWS) (*Files, error) {
	f := &Files{Path: map[awsfiles.File]string{}, Data: map[awsfiles.File][]byte{}}
	for file, seen := range map[awsfiles.File]*version.Seen{awsfiles.Config: look.Config, awsfiles.Credentials: look.Credentials} {
		if seen == nil { // there is no home directory, and so no such file
			continue
		}
		f.Path[file] = tui.Tilde(seen.Path)
		data, read := seen.Content()
		var err error
		if !read {
			data, err = readIfThere(seen.Path)
		}
		if err != nil {
			return nil, hint.New(fmt.Errorf("%s can't be read: %w", tui.Tilde(seen.Path), hint.WithoutPath(err)), "%s", hint.FileStep(err))
		}
		f.Data[file] = data
	}
	var err error
	f.Files, err = awsfiles.Profiles(f.Data[awsfiles.Config], f.Data[awsfiles.Credentials])
	return f, err
}

// Read returns the file that where finds, nil if there is none; without a home there are none.
func Read(where func() (string, error)) ([]byte, error) {
	path, err := where()
	if err != nil {
		return nil, nil
	}
	return readIfThere(path)
}

func readIfThere(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// ReadToChange reads a file of ~/.aws that is to be changed: nil if it's missing. Anything but a regular file is
// refused: AWS_CONFIG_FILE may be /dev/null, which we would replace, or a pipe, which would keep us waiting.
func ReadToChange(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, hint.New(fmt.Errorf("%s is not a regular file", path), "point AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE at ordinary files, or unset them")
	}
	data, err := readIfThere(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, hint.FileError(err))
	}
	return data, nil
}

// ChangeConfig replaces ~/.aws/config by what edit makes of it, nil if there is none, while no other process of ours
// changes it. What was there is kept in the file backup, without secrets; it is "" if there was nothing to keep.
func ChangeConfig(ctx context.Context, path string, edit func(old []byte) ([]byte, error)) (backup string, err error) {
	err = changeAWS(ctx, lock.AWSConfig, path, func(old []byte) ([]byte, error) {
		edited, err := edit(old)
		if err != nil || old == nil || bytes.Equal(edited, old) {
			return edited, err
		}
		backup = path + ".aws-accounts.bak"
		if err := atomicfile.Write(backup, withoutSecrets(old), 0o600); err != nil {
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
