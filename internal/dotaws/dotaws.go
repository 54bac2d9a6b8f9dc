// Package dotaws reads the files of ~/.aws and replaces them. What their lines mean is for package awsfiles to know.
//
// Invariant: a file is replaced as a whole, while no other process of ours changes it, and only if it is an ordinary file.
package dotaws

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
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
		data, err := contentOf(seen)
		if err != nil {
			return nil, hint.New(fmt.Errorf("%s can't be read: %w", tui.Tilde(seen.Path), hint.WithoutPath(err)), "%s", hint.FileStep(err))
		}
		f.Data[file] = data
	}
	var err error
	f.Files, err = awsfiles.Profiles(f.Data[awsfiles.Config], f.Data[awsfiles.Credentials])
	return f, err
}

func contentOf(seen *version.Seen) ([]byte, error) {
	if data, read := seen.Content(); read {
		return data, nil
	}
	data, err := os.ReadFile(seen.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Read returns the file that where finds, nil if there is none; without a home there are none.
func Read(where func() (string, error)) ([]byte, error) {
	path, err := where()
	if err != nil {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
