// Package version tells which versions of the files are there that a session depends on: of the accounts file, of the shared one
// that it names, and of AWS's config and credentials files. Small files are told apart by their content, large ones without
// reading them, but those that have just been changed.
//
// It is on the way of a warm `process`, before the rest of the program is initialised, and so needs little.
package version

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"aws-accounts/internal/note"
	"aws-accounts/internal/place"
)

// Stamp identifies a version of one file: two equal stamps, the first of them settled, are the same content. The zero Stamp
// is no version.
type Stamp struct {
	id      string
	changed time.Time
	size    int64 // in bytes, -1 of what is no file
	content bool  // is part of the id
}

// String is short and opaque, for keeping and comparing.
func (s Stamp) String() string { return s.id }

// Settled reports whether any later change gives another stamp: the content is part of it, or the file had been left alone
// long enough when it was stamped, at now. File systems keep times in steps, of a clock tick (1 to 10 ms) on most and of 2 s on
// the coarsest (FAT), and a second change within a step can go unseen. A change in the future isn't settled either.
func (s Stamp) Settled(now time.Time) bool {
	return s.id != "" && (s.content || now.Sub(s.changed) >= 2*time.Second)
}

const (
	// small files are always looked into: that costs less than a file's time is worth.
	small = 64 << 10
	// most is looked into, in bytes, as package accounts reads no larger file.
	most = 32 << 20
)

// byContent reports whether the content has to be looked at.
func (s Stamp) byContent(now time.Time) bool {
	return s.size >= 0 && s.size <= most && (s.size <= small || !s.Settled(now))
}

// Of is the stamp that a look at now gives the file, of which content was read.
func (s Stamp) Of(content []byte, now time.Time) Stamp {
	if s.byContent(now) {
		sum := sha256.Sum256(content)
		s.id, s.content = s.id+"#"+hex.EncodeToString(sum[:16]), true
	}
	return s
}

// look stamps the file that path leads to.
func look(path string, now time.Time) (Stamp, error) {
	s, err := Stat(path)
	if err != nil || !s.byContent(now) {
		return s, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return s, nil // it is there, and whoever needs it says why it can't be read
	}
	return s.Of(content, now), nil
}

func stamp(changed time.Time, size int64, regular bool, parts ...any) Stamp {
	if !regular {
		size = -1
	}
	id := ""
	for i, p := range parts {
		if i > 0 {
			id += "."
		}
		id += fmt.Sprintf("%x", p)
	}
	return Stamp{id: id, changed: changed, size: size}
}

// Noted is what a process needs to know of the accounts file before it reads the keychain. It holds nothing secret, and
// nothing that is run.
type Noted struct {
	Stamp   string `json:"stamp"`
	Backend string `json:"backend"`
	Shared  string `json:"shared,omitempty"` // where what accounts_from names is read
}

// Look is what a first look at the files finds, before any of them is parsed: what is parsed later is that version or a newer
// one, never an older one.
type Look struct {
	Noted  *Noted // nil if there is no note of this version
	own    Stamp  // of the accounts file; none if there is no file
	theirs Stamp  // of the shared file that the note names
	at     time.Time
}

// At looks at the accounts file at path, of which a note may be in dir.
func At(path, dir string, now time.Time) *Look {
	l := &Look{at: now}
	l.own, _ = look(path, now)
	var n Noted
	if l.own != (Stamp{}) && note.Read(dir, noteName(path), &n) && n.Stamp == l.own.String() {
		l.Noted = &n
		if n.Shared != "" {
			l.theirs, _ = look(n.Shared, now) // none is no version
		}
	}
	return l
}

// Note leaves n for the next process, unless the note that was found says the same. It is best effort: without it the
// accounts file is parsed.
func (l *Look) Note(path, dir string, n Noted) {
	if l.Noted == nil || *l.Noted != n {
		note.Write(dir, noteName(path), n)
	}
}

// Stamp identifies the version of the accounts file and of the shared one. It is "" if that can't be told for sure, as when
// there is no note.
func (l *Look) Stamp() string {
	if l.Noted == nil {
		return ""
	}
	return l.StampWith(*l.Noted, l.theirs)
}

// StampWith is Stamp for who has read the file, and knows what a note would say and which version of the shared one it is.
func (l *Look) StampWith(n Noted, theirs Stamp) string {
	switch {
	case !l.Settled():
		return ""
	case n.Shared == "":
		return l.own.String()
	case !theirs.Settled(l.at):
		return ""
	}
	return l.own.String() + "+" + theirs.String()
}

// Settled reports whether the accounts file's own stamp is.
func (l *Look) Settled() bool { return l.own.Settled(l.at) }

// Saw reports whether the accounts file had that stamp.
func (l *Look) Saw(s Stamp) bool { return l.own.id == s.id }

// WithAWSFiles adds the versions of the AWS config and credentials files to a stamp: of both, since either can hold the key that
// an account begins with. What is not known for sure stays so.
func WithAWSFiles(stamp string, now time.Time) string {
	for _, where := range []func() (string, error){place.AWSConfig, place.AWSCredentials} {
		path, err := where()
		if stamp == "" || err != nil {
			return ""
		}
		file, err := look(path, now)
		switch {
		case err != nil:
			stamp += " none " + path
		case !file.Settled(now):
			return ""
		default:
			stamp += " " + file.String() + " " + path
		}
	}
	return stamp
}

// noteName is a note's own for each accounts file, so that two in use don't push each other out.
func noteName(path string) string {
	sum := sha256.Sum256([]byte(path))
	return "accounts-file-" + hex.EncodeToString(sum[:8]) + ".json"
}
