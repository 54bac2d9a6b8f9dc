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

// theirs is what there is to know of each file.
var theirs = map[awsfiles.File]struct {
	path           func() (string, error)
	variable, lock string
}{
	awsfiles.Config:      {place.AWSConfig, "AWS_CONFIG_FILE", lock.AWSConfig},
	awsfiles.Credentials: {place.AWSCredentials, "AWS_SHARED_CREDENTIALS_FILE", lock.AWSCredentials},
}

// Files are AWS's config and credentials files, as one look has found them. Whatever a call needs of them it takes from here.
type Files struct {
	*awsfiles.Files
	Data map[awsfiles.File][]byte // nil of one that is missing
}

// Path is where a file is, for messages.
func Path(file awsfiles.File) string {
	path, _ := theirs[file].path()
	return tui.Tilde(path)
}

// ReadAll reads both files of ~/.aws. One that is missing is an empty one.
func ReadAll() (*Files, error) { return Of(version.FirstAWS(time.Now())) }

// Of reads both as a look has found them.
func Of(look *version.AWS) (*Files, error) {
	f := &Files{Data: map[awsfiles.File][]byte{}}
	for file, seen := range map[awsfiles.File]*version.Seen{awsfiles.Config: look.Config, awsfiles.Credentials: look.Credentials} {
		if seen == nil { // there is no home directory, and so no such file
			continue
		}
		data, read := seen.Content()
		if !read {
			var err error
			if data, err = readAt(file, seen.Path); err != nil {
				return nil, err
			}
		}
		f.Data[file] = data
	}
	var err error
	f.Files, err = awsfiles.Profiles(f.Data[awsfiles.Config], f.Data[awsfiles.Credentials])
	return f, err
}

// Read reads one of them, nil if there is none.
func Read(file awsfiles.File) ([]byte, error) {
	path, err := theirs[file].path()
	if err != nil { // there is no home directory, and so no such file
		return nil, nil
	}
	return readAt(file, path)
}

func readAt(file awsfiles.File, path string) ([]byte, error) {
	data, err := atomicfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, failed("can't be read", file, path, err)
}

// failed says what has kept us from reading or writing a file, and who named it.
func failed(what string, file awsfiles.File, path string, err error) error {
	if err == nil {
		return nil
	}
	variable := theirs[file].variable
	if os.Getenv(variable) == "" {
		return hint.New(fmt.Errorf("%s %s: %w", tui.Tilde(path), what, hint.WithoutPath(err)), "%s", hint.FileStep(err))
	}
	return hint.New(fmt.Errorf("%s: %s %s: %w", variable, tui.Tilde(path), what, hint.WithoutPath(err)),
		"`unset %s`, or have it name an ordinary file", variable)
}

// BackupEnd is at the end of a backup's name.
const BackupEnd = ".aws-accounts.bak"

// Change replaces one of the files by what edit makes of it, nil if there is none, while no other process of ours changes it.
// What the config file was is kept in the file backup, without secrets, which is "" if there was nothing to keep; of the
// credentials file a backup would hold the key that was to go.
func Change(ctx context.Context, file awsfiles.File, edit func(old []byte) ([]byte, error)) (backup string, err error) {
	path, err := theirs[file].path()
	if err != nil {
		return "", err
	}
	if locks, err := place.Locks(); err == nil {
		release, err := lock.ToChange(ctx, locks, theirs[file].lock, path)
		if err != nil {
			return "", err
		}
		defer release()
	}
	old, err := readAt(file, path)
	if err != nil {
		return "", err
	}
	edited, err := edit(old)
	if err != nil || bytes.Equal(edited, old) {
		return "", err
	}
	if old != nil && file == awsfiles.Config {
		backup = path + BackupEnd
		if err := atomicfile.Write(backup, withoutSecrets(old), 0o600); err != nil {
			return "", fmt.Errorf("keeping a backup of %s: %w", path, hint.FileError(err))
		}
	}
	return backup, failed("can't be written", file, path, atomicfile.Write(path, edited, 0o600))
}
