package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"time"

	"aws-accounts/internal/note"
)

// Reader answers from one version of the accounts file, and parses it only for what can't be known otherwise: a warm `process`
// costs the same with 3 accounts or 10,000. It is safe for concurrent use.
type Reader struct {
	Path string
	dir  string // of the note of what the next process needs before it can do without the file

	first func() *look
	load  func() (*File, error)
	need  func() (noted, error)
	now   func() time.Time
}

// look is what the first look at the files finds, before any of them is read: what is read later is that version or a newer
// one, never an older one.
type look struct {
	own    Stamp
	err    error  // why there is none
	noted  *noted // nil if there is no note of this version
	theirs Stamp  // of the shared file that the note names
	at     time.Time
}

// NewReader returns a Reader of the accounts file at path that keeps a note in dir.
func NewReader(path, dir string) *Reader {
	r := &Reader{Path: path, dir: dir, now: time.Now}
	r.first = sync.OnceValue(r.look)
	r.need = sync.OnceValues(r.needed)
	r.load = sync.OnceValues(func() (*File, error) {
		r.first()
		f, err := Load(path)
		if err == nil {
			r.write(f)
		}
		return f, err
	})
	return r
}

func (r *Reader) look() *look {
	l := &look{at: r.now()}
	if l.own, l.err = Stat(r.Path); l.err != nil {
		return l
	}
	var n noted
	if note.Read(r.dir, r.name(), &n) && n.Stamp == l.own.String() {
		l.noted = &n
		if n.Shared != "" {
			l.theirs, _ = Stat(n.Shared) // none is no version
		}
	}
	return l
}

// Again returns a Reader of the same file that has not looked at it yet, for who has changed it.
func (r *Reader) Again() *Reader { return NewReader(r.Path, r.dir) }

// File returns the accounts file, loaded once.
func (r *Reader) File() (*File, error) { return r.load() }

// Stamp identifies this version of the file, and of the shared one that it names. It is "" if that can't be told for sure,
// as when a file has just been written.
func (r *Reader) Stamp() string {
	l := r.first()
	if l.err != nil || !l.own.Settled(l.at) {
		return ""
	}
	n, err := r.need()
	if err != nil {
		return ""
	}
	if n.Shared == "" {
		return l.own.String()
	}
	theirs := l.theirs
	if l.noted == nil {
		f, _ := r.File() // which need has read
		theirs = f.shared.stamp
	}
	if !theirs.Settled(l.at) {
		return ""
	}
	return l.own.String() + "+" + theirs.String()
}

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

// noted is what a process needs to know before it reads the keychain. It holds nothing secret, and nothing that is run.
type noted struct {
	Stamp   string `json:"stamp"`
	Backend string `json:"backend"`
	Shared  string `json:"shared,omitempty"` // where what accounts_from names is read
}

// needed is noted, from the note or, where there is none of this version, from the file.
func (r *Reader) needed() (noted, error) {
	if n := r.first().noted; n != nil {
		return *n, nil
	}
	f, err := r.File()
	if err != nil {
		return noted{}, err
	}
	return f.noted(), nil
}

func (f *File) noted() noted {
	n := noted{Stamp: f.Stamp.String()}
	if f.Keychain != nil {
		n.Backend = f.Keychain.Backend
	}
	if f.shared != nil {
		n.Shared = f.shared.path
	}
	return n
}

// write is best effort: without the note the next process parses the file.
func (r *Reader) write(f *File) {
	if f.shared != nil {
		f.AccountsFrom.keepCopy(f.shared)
	}
	if !f.Stamp.Settled(r.now()) {
		return
	}
	n := f.noted()
	if old := r.first().noted; old == nil || *old != n {
		note.Write(r.dir, r.name(), n)
	}
}

// name is a note's own for each accounts file, so that two in use don't push each other out.
func (r *Reader) name() string {
	sum := sha256.Sum256([]byte(r.Path))
	return "accounts-file-" + hex.EncodeToString(sum[:8]) + ".json"
}
