package accounts

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tailscale/hujson"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/awsfiles"
)

// Reader answers from one version of the accounts file, and parses it only for what can't be known otherwise: a warm `process`
// costs the same with 3 accounts or 10,000. It is safe for concurrent use.
type Reader struct {
	Path string
	dir  string // of the note of what the next process needs before it can do without the file, beside those of other files

	// Report, if not nil, is told why what accounts_from names can't be used; grave says that somebody may have meant it.
	Report func(err error, grave bool)

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
		if err != nil {
			return nil, err
		}
		r.write(f)
		if trouble, grave := f.SharedTrouble(); trouble != nil && r.Report != nil {
			r.Report(trouble, grave)
		}
		return f, nil
	})
	return r
}

// Again returns a Reader of the same file that has not looked at it yet, for who has changed it.
func (r *Reader) Again() *Reader { return NewReader(r.Path, r.dir) } // which reports nothing again

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

// Names returns the names of the accounts that begin with prefix, as namesIn does for one file. Of a shared file they are those
// of the verified version.
func (r *Reader) Names(prefix string) []string {
	found := namesIn(r.Path, prefix)
	n, err := r.need()
	if err != nil || n.Shared == "" {
		return found
	}
	f, err := r.File()
	if err != nil {
		return found
	}
	shared := f.Where(func(a *Account) bool { return a.From != "" && hasPrefix(a.Name, prefix) })
	return append(found, NamesOf(shared)...)
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
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

// namesIn returns the names of the accounts in a file that begin with prefix, in whichever case, without parsing it:
// shell completion has no time for 10,000 accounts, and a file with a mistake still completes. What isn't a name in a
// right file may be missing or too much.
func namesIn(path, prefix string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	var data bytes.Buffer
	if info, err := file.Stat(); err == nil {
		data.Grow(int(min(info.Size(), maxSize)) + bytes.MinRead) // at once: growing by and by takes as long as looking
	}
	if _, err := data.ReadFrom(io.LimitReader(file, maxSize)); err != nil {
		return nil
	}
	return names(data.Bytes(), prefix)
}

// names finds the member "name" of the objects in the list "accounts" of the object at the top.
func names(b []byte, prefix string) (found []string) {
	depth := 0
	key, isValue, inAccounts := hujson.Literal(nil), false, false
	for _, token := range tokens(b) {
		switch c := token[0]; {
		case c == ':':
			isValue = true
			continue
		case c == '{' || c == '[':
			if depth == 1 {
				inAccounts = c == '[' && isValue && unquote(key) == "accounts"
			}
			depth++
		case c == '}' || c == ']':
			depth--
		case c == '"' && !isValue:
			key = token
		case c == '"' && inAccounts && depth == 3 && unquote(key) == "name":
			if name := unquote(token); hasPrefix(name, prefix) && awsfiles.IsAccountName(name) {
				found = append(found, name)
			}
		}
		isValue = false
	}
	return found
}
