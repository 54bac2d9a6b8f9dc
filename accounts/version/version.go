// Package version tells which versions of the files are there that a session depends on: of the accounts file, of the shared one
// that it names, and of AWS's config and credentials files. Small files are told apart by their content, large ones without
// reading them, but those that have just been changed.
//
// It is on the way of a warm `process`, before the rest of the program is initialised, and so needs little.
package version

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
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

// Seen is what one look at a file has found: its version and, where that needed reading, its content. Whoever needs the content
// too takes it from here, so that a call opens each file once and every part of it sees the same version.
type Seen struct {
	Path  string
	Stamp Stamp
	Err   error  // why it could not be looked at or read; fs.ErrNotExist if there is none
	data  []byte // nil if it has not been read
}

// See looks at the file that path leads to.
func See(path string, now time.Time) *Seen {
	f := &Seen{Path: path}
	if f.Stamp, f.Err = Stat(path); f.Err != nil || !f.Stamp.byContent(now) {
		return f
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return f // it is there, and whoever needs it says why it can't be read
	}
	if content == nil {
		content = []byte{}
	}
	f.data, f.Stamp = content, f.Stamp.Of(content, now)
	return f
}

// Content is what the look has read, and whether it has.
func (f *Seen) Content() ([]byte, bool) { return f.data, f.data != nil }

// Unchanged reports whether the file is still the one that was looked at, by one system call.
func (f *Seen) Unchanged() bool {
	now, err := Stat(f.Path)
	before, _, _ := strings.Cut(f.Stamp.id, "#")
	return err == nil && f.Err == nil && now.id == before
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
	Path    string `json:"path"` // of the accounts file
	Stamp   string `json:"stamp"`
	Backend string `json:"backend"`
	Shared  string `json:"shared,omitempty"` // where what accounts_from names is read
}

// Look is what a first look at the files finds, before any of them is parsed: what is parsed later is that version or a newer
// one, never an older one.
type Look struct {
	Noted  *Noted // nil if there is no note of this version
	Own    *Seen  // the accounts file
	theirs Stamp  // of the shared file that the note names
	used   bool   // there is a note, be it of another version: the file was used at this path
	at     time.Time
}

// At looks at the accounts file at path, of which a note may be in dir: a folder of its own.
func At(path, dir string, now time.Time) *Look {
	l := &Look{at: now, Own: See(path, now)}
	var n Noted
	if l.used = l.Own.Stamp != (Stamp{}) && note.Read(dir, noteName, &n); l.used && n.Stamp == l.Own.Stamp.String() {
		l.Noted = &n
		if n.Shared != "" {
			l.theirs = See(n.Shared, now).Stamp // none is no version
		}
	}
	return l
}

// Note leaves n for the next process, unless the note that was found says the same. It is best effort: without it the
// accounts file is parsed.
func (l *Look) Note(dir string, n Noted) {
	if l.Noted == nil || *l.Noted != n {
		note.Write(dir, noteName, n)
	}
}

// MovedFrom returns where the accounts file was before somebody moved or renamed it, "" if it wasn't. all is the folder that has
// the note of each accounts file in a folder of its own. The file is known by its content, or by being the same one to the system.
func (l *Look) MovedFrom(all string) string {
	var n Noted
	if all == "" || l.Own.Err != nil || l.used {
		return ""
	}
	folders, err := os.ReadDir(all)
	if err != nil {
		return ""
	}
	for _, folder := range folders {
		if !folder.IsDir() || !note.Read(place.Join(all, folder.Name()), noteName, &n) || !sameFile(n.Stamp, l.Own.Stamp.id) {
			continue
		}
		if _, err := os.Stat(n.Path); errors.Is(err, fs.ErrNotExist) {
			return n.Path
		}
	}
	return ""
}

// Moved has the note at the old place forgotten.
func Moved(old string) {
	if dir, err := place.LocksOf(old); err == nil {
		note.Remove(dir, noteName)
	}
}

// sameFile reports whether two stamps are of the same content or, where one of them has no content, of the same file to the
// system. Device and inode alone don't tell: file systems give those of a deleted file to the next one.
func sameFile(a, b string) bool {
	idA, contentA, _ := strings.Cut(a, "#")
	idB, contentB, _ := strings.Cut(b, "#")
	if contentA != "" && contentB != "" {
		return contentA == contentB
	}
	partsA, partsB := strings.Split(idA, "."), strings.Split(idB, ".") // device, inode, size, mtime, ctime, which a rename sets
	return len(partsA) == 5 && len(partsB) == 5 && slices.Equal(partsA[:4], partsB[:4])
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
		return l.Own.Stamp.String()
	case !theirs.Settled(l.at):
		return ""
	}
	return l.Own.Stamp.String() + "+" + theirs.String()
}

// Settled reports whether the accounts file's own stamp is.
func (l *Look) Settled() bool { return l.Own.Stamp.Settled(l.at) }

// Saw reports whether the accounts file had that stamp.
func (l *Look) Saw(s Stamp) bool { return l.Own.Stamp.id == s.id }

// AWS is what a look at the AWS config and credentials files has found: at both, since either can hold the key that an account
// begins with.
type AWS struct {
	Config, Credentials *Seen // nil without a home directory
	at                  time.Time
}

// SeeAWS looks at both.
func SeeAWS(now time.Time) *AWS {
	see := func(where func() (string, error)) *Seen {
		path, err := where()
		if err != nil {
			return nil
		}
		return See(path, now)
	}
	return &AWS{Config: see(place.AWSConfig), Credentials: see(place.AWSCredentials), at: now}
}

// With adds the versions of both files to a stamp. What is not known for sure stays so.
func (a *AWS) With(stamp string) string {
	for _, file := range []*Seen{a.Config, a.Credentials} {
		switch {
		case stamp == "" || file == nil:
			return ""
		case file.Err != nil:
			stamp += " none " + file.Path
		case !file.Stamp.Settled(a.at):
			return ""
		default:
			stamp += " " + file.Stamp.String() + " " + file.Path
		}
	}
	return stamp
}

// handed is what one part of the program has looked at for the next, which then needs no look of its own.
var handed struct {
	sync.Mutex
	look *Look
	aws  *AWS
}

// HandOver leaves both looks for who asks next in this process: for FirstAt and FirstAWS.
func HandOver(look *Look, aws *AWS) {
	handed.Lock()
	defer handed.Unlock()
	handed.look, handed.aws = look, aws
}

// FirstAt is At, or what was handed over, once.
func FirstAt(path, dir string, now time.Time) *Look {
	handed.Lock()
	l := handed.look
	handed.look = nil
	handed.Unlock()
	if l != nil && l.Own.Path == path {
		return l
	}
	return At(path, dir, now)
}

// FirstAWS is SeeAWS, or what was handed over, once.
func FirstAWS(now time.Time) *AWS {
	handed.Lock()
	a := handed.aws
	handed.aws = nil
	handed.Unlock()
	if a != nil {
		return a
	}
	return SeeAWS(now)
}

const noteName = "accounts-file.json"
