package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// awsFiles are AWS's config and credentials files, as one look has found them. Whatever a call needs of them it takes from here.
type awsFiles struct {
	*awsfiles.Files
	path map[awsfiles.File]string // for messages
	data map[awsfiles.File][]byte
}

// readAWSFiles reads both as they are now.
func readAWSFiles() (*awsFiles, error) { return awsFilesOf(version.FirstAWS(time.Now())) }

// awsFilesOf reads both as a look has found them.
func awsFilesOf(look *version.AWS) (*awsFiles, error) {
	f := &awsFiles{path: map[awsfiles.File]string{}, data: map[awsfiles.File][]byte{}}
	for file, seen := range map[awsfiles.File]*version.Seen{awsfiles.Config: look.Config, awsfiles.Credentials: look.Credentials} {
		if seen == nil { // there is no home directory, and so no such file
			continue
		}
		f.path[file] = tui.Tilde(seen.Path)
		data, err := contentOf(seen)
		if err != nil {
			return nil, hint.New(fmt.Errorf("%s can't be read: %w", tui.Tilde(seen.Path), reason(err)), "%s", accounts.FileStep(err))
		}
		f.data[file] = data
	}
	var err error
	f.Files, err = awsfiles.Profiles(f.data[awsfiles.Config], f.data[awsfiles.Credentials])
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

// layersOf are the profiles whose settings count for a: the one that setup wrote for it, then the one called begins, where its
// credentials begin; "" is the default profile, as SDKs take it where nobody names one. Any may be missing.
func (f *awsFiles) layersOf(a *accounts.Account, begins string) (l layers) {
	add := func(name string, unnamed bool) {
		if p, ok := f.Profile(name); ok {
			l = append(l, layer{f, p, unnamed})
		}
	}
	if a != nil && a.Name != "" {
		if p, ok := f.Profile(a.ProfileName()); ok {
			if _, ours := p.Account(); ours {
				add(p.Name, false)
			}
		}
	}
	if begins == "" {
		add(accounts.DefaultProfile, true)
	} else {
		add(begins, false)
	}
	return l
}

// readAWS reads one of the files of ~/.aws; without a home there are none.
func readAWS(where func() (string, error)) ([]byte, error) {
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
