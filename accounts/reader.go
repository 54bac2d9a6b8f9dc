package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
	"time"

	"aws-accounts/internal/atomicfile"
)

// Reader answers from one version of the accounts file, and parses it only for what can't be known otherwise: a warm `process`
// costs the same with 3 accounts or 10,000. It is safe for concurrent use.
type Reader struct {
	Path string
	note string // where to note what the next process needs before it can do without the file; may be lost at any time

	stat func() (Stamp, error) // of the first look: what is read later is this version or a newer one
	load func() (*File, error)
}

// NewReader returns a Reader of the accounts file at path that keeps its note at note.
func NewReader(path, note string) *Reader {
	r := &Reader{Path: path, note: note}
	r.stat = sync.OnceValues(func() (Stamp, error) { return Stat(path) })
	r.load = sync.OnceValues(func() (*File, error) {
		r.stat()
		f, err := Load(path)
		if err == nil {
			r.write(f)
		}
		return f, err
	})
	return r
}

// File returns the accounts file, loaded once.
func (r *Reader) File() (*File, error) { return r.load() }

// Stamp identifies this version of the file, together with the part of the environment that can shape a session. It is ""
// if that can't be told for sure, as when the file has just been written.
func (r *Reader) Stamp() string {
	s, err := r.stat()
	if err != nil || !s.Settled(time.Now()) {
		return ""
	}
	return s.String() + "/" + short(os.Getenv("AWS_ACCESS_KEY_ID"))
}

// Backend returns the keychain that the file chooses, "" for the platform's own.
func (r *Reader) Backend() (string, error) {
	if n := r.read(); n != nil {
		return n.Backend, nil
	}
	f, err := r.File()
	if err != nil || f.Keychain == nil {
		return "", err
	}
	return f.Keychain.Backend, nil
}

// note is what a process needs to know before it reads the keychain. It holds nothing secret, and nothing that is run.
type note struct {
	Stamp   string `json:"stamp"`
	Backend string `json:"backend"`
}

func (r *Reader) read() *note {
	data, err := os.ReadFile(r.note)
	if err != nil {
		return nil
	}
	var n note
	s, err := r.stat()
	if err != nil || json.Unmarshal(data, &n) != nil || n.Stamp != r.version(s) {
		return nil
	}
	return &n
}

// write is best effort: without the note the next process parses the file.
func (r *Reader) write(f *File) {
	if !f.Stamp.Settled(time.Now()) {
		return
	}
	n := note{Stamp: r.version(f.Stamp)}
	if f.Keychain != nil {
		n.Backend = f.Keychain.Backend
	}
	if old := r.read(); old != nil && *old == n {
		return
	}
	if data, err := json.Marshal(n); err == nil {
		atomicfile.Write(r.note, data, 0o600)
	}
}

func (r *Reader) version(s Stamp) string { return short(r.Path) + "/" + s.String() }

func short(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
