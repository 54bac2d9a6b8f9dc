package accounts

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aws-accounts/accounts/version"
)

// Reader answers from one version of the accounts file, and parses it only for what can't be known otherwise: a warm `process`
// costs the same with 3 accounts or 10,000. It is safe for concurrent use.
type Reader struct {
	Path string
	dir  string // of the note of what the next process needs before it can do without the file, beside those of other files

	first func() *version.Look
	load  func() (*File, error)
	need  func() (version.Noted, error)
	now   func() time.Time
}

// NewReader returns a Reader of the accounts file at path that keeps a note in dir.
func NewReader(path, dir string) *Reader {
	r := &Reader{Path: path, dir: dir, now: time.Now}
	r.first = sync.OnceValue(func() *version.Look { return version.FirstAt(path, dir, r.now()) })
	r.need = sync.OnceValues(r.needed)
	r.load = sync.OnceValues(func() (*File, error) {
		f, err := loadSeen(r.first().Own)
		if err == nil {
			r.write(f)
		}
		return f, err
	})
	return r
}

// Again returns a Reader of the same file that has not looked at it yet, for who has changed it.
func (r *Reader) Again() *Reader { return NewReader(r.Path, r.dir) }

// File returns the accounts file, loaded once.
func (r *Reader) File() (*File, error) { return r.load() }

// Stamp identifies this version of the file, and of the shared one that it names. It is "" if that can't be told for sure.
func (r *Reader) Stamp() string {
	l := r.first()
	if l.Noted != nil || !l.Settled() {
		return l.Stamp()
	}
	f, err := r.File()
	if err != nil {
		return ""
	}
	var theirs version.Stamp
	if f.shared != nil {
		theirs = f.shared.stamp
	}
	return l.StampWith(f.noted(), theirs)
}

// PassphraseCommand is the file's passphrase_command, "" if it has none or can't be read.
func (r *Reader) PassphraseCommand() string {
	if f, err := r.File(); err == nil && f.Keychain != nil {
		return f.Keychain.PassphraseCommand
	}
	return ""
}

// Change replaces the file by what edit makes of it: see Change.
func (r *Reader) Change(ctx context.Context, edit func(old []byte) ([]byte, error)) (changed bool, err error) {
	return Change(ctx, r.Path, r.dir, edit)
}

// MovedFrom returns where the file was before it was moved or renamed, "" if it wasn't. It goes on to say so until version.Moved
// is told that everything has followed.
func (r *Reader) MovedFrom() string {
	if r.dir == "" {
		return ""
	}
	return r.first().MovedFrom(filepath.Dir(r.dir)) // which has the notes of all files
}

// Changed reports whether the file has changed between the look that Stamp is of and the reading of f.
func (r *Reader) Changed(f *File) bool { return !r.first().Saw(f.Stamp) }

// Backend returns the keychain that the file chooses, "" for the platform's own.
func (r *Reader) Backend() (string, error) {
	n, err := r.need()
	return n.Backend, err
}

// Names returns the names of the accounts that begin with prefix, as Names does for one file.
func (r *Reader) Names(prefix string) []string {
	found := Names(r.Path, prefix)
	n, err := r.need()
	if err != nil || n.Shared == "" {
		return found
	}
	if _, err := os.Stat(n.Shared); err == nil {
		return append(found, Names(n.Shared, prefix)...)
	}
	f, err := r.File() // which finds its last good version
	if err != nil {
		return found
	}
	for i := range f.Accounts {
		if a := &f.Accounts[i]; a.From != "" && len(a.Name) >= len(prefix) && strings.EqualFold(a.Name[:len(prefix)], prefix) {
			found = append(found, a.Name)
		}
	}
	return found
}

// needed is from the note or, where there is none of this version, from the file.
func (r *Reader) needed() (version.Noted, error) {
	if n := r.first().Noted; n != nil {
		return *n, nil
	}
	f, err := r.File()
	if err != nil {
		return version.Noted{}, err
	}
	return f.noted(), nil
}

func (f *File) noted() version.Noted {
	n := version.Noted{Path: f.Path, Stamp: f.Stamp.String()}
	if f.Keychain != nil {
		n.Backend = f.Keychain.Backend
	}
	if f.shared != nil {
		n.Shared = f.shared.path
	}
	return n
}

// write is best effort: without the note the next process parses the file. It writes none while what belongs to a moved file has
// yet to follow, since a command that doesn't need the keychain, as `setup`, may be the first at the new place.
func (r *Reader) write(f *File) {
	if f.shared != nil {
		f.AccountsFrom.keepCopy(f.shared)
	}
	if f.Stamp.Settled(r.now()) && r.MovedFrom() == "" {
		r.first().Note(r.dir, f.noted())
	}
}
