//go:build unix

package owned

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// File looks for those who can change the file at name, which may be a link, or swap it for another. It is nil if nobody can.
//
// A group counts as somebody else, even if the user is alone in it today: who is in it isn't for us to know without asking
// the network.
func File(name string) (*Trouble, error) { return file(name, os.Geteuid()) }

func file(name string, uid int) (*Trouble, error) {
	w := walk{uid: uid, seen: map[string]bool{}}
	if err := w.to(name); err != nil {
		return nil, err
	}
	return w.trouble(), nil
}

// Folder is File for a folder of ours, which needs not be there yet. Folders further up may be their group's to write: on
// many systems every user is alone in a group, and folders are made so.
func Folder(name string) (*Trouble, error) { return folder(name, os.Geteuid()) }

func folder(name string, uid int) (*Trouble, error) {
	w := walk{uid: uid, ours: true, seen: map[string]bool{}}
	if err := w.to(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return w.trouble(), nil
}

// Mend takes from others the right to change the file or folder at name, or a folder on the way to it, where the user owns
// it and it lies in home. It returns what it changed, also together with an error.
func Mend(name, home string) (mended []string, err error) {
	uid := os.Geteuid()
	w := walk{uid: uid, seen: map[string]bool{}}
	if err := w.to(name); err != nil {
		return nil, hint.FileError(err)
	}
	for _, p := range w.open {
		if !strings.HasPrefix(p, path.Clean(home)+"/") {
			continue
		}
		info, err := os.Lstat(p)
		if err != nil || uidOf(info) != uid {
			continue
		}
		if err := os.Chmod(p, info.Mode()&^0o022); err != nil {
			return mended, fmt.Errorf("taking others' right to write from %s: %w", tui.ShowPath(p), hint.FileError(err))
		}
		mended = append(mended, p)
	}
	return mended, nil
}

// walk goes from the root to a file the way the kernel does, through every link, and holds against user uid:
//
//   - the file, and each folder on the way to it or to a link: owned by the user or root;
//   - the file, each folder that holds it or a link to it, and the user's own folders further up: writable by nobody else.
//
// A writable folder is all right if it is sticky, as /tmp is, and what lies in it on our way belongs to the user or root:
// then nobody else can rename or remove that.
type walk struct {
	uid    int
	ours   bool // for Folder
	seen   map[string]bool
	wrong  []string
	open   []string // what others can write
	chmods []string
	chowns []string
}

func (w *walk) to(name string) error {
	if !path.IsAbs(name) {
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		name = path.Join(dir, name)
	}
	here, rest := "/", strings.Split(strings.TrimPrefix(name, "/"), "/")
	folder, err := os.Lstat(here)
	if err != nil {
		return err
	}
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			here = path.Dir(here) // has no links in it any more
			if folder, err = os.Lstat(here); err != nil {
				return err
			}
			continue
		}
		next := path.Join(here, name)
		entry, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			w.owner(here, folder, len(rest) == 0)
		}
		if err != nil {
			return err
		}
		w.folder(here, folder, entry, len(rest) == 0)
		if entry.Mode()&fs.ModeSymlink == 0 {
			here, folder = next, entry
			continue
		}
		if links++; links > 40 { // what Linux follows
			return &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if path.IsAbs(target) {
			here = "/"
			if folder, err = os.Lstat(here); err != nil {
				return err
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	w.owner(here, folder, true)
	w.mode(here, folder)
	return nil
}

// folder judges a folder in which entry leads on; last is whether entry is the last on this way.
func (w *walk) folder(name string, folder, entry fs.FileInfo, last bool) {
	w.owner(name, folder, last)
	if folder.Mode()&fs.ModeSticky != 0 && !w.theirs(entry) {
		return
	}
	if w.ours && writable(folder) != everybody {
		return
	}
	if last || w.ours || uidOf(folder) == w.uid {
		w.mode(name, folder)
	}
}

func (w *walk) mode(name string, info fs.FileInfo) {
	if writable(info) == "" || w.seen[name] {
		return
	}
	w.seen[name] = true
	w.wrong = append(w.wrong, fmt.Sprintf("%s can be written by %s (%s)", tui.ShowPath(name), writable(info), info.Mode()))
	w.open = append(w.open, name)
	w.chmods = append(w.chmods, hint.Word(name))
}

func (w *walk) owner(name string, info fs.FileInfo, last bool) {
	key := "owner of " + name
	if !w.theirs(info) || w.seen[key] || !last && unmapped(uidOf(info)) {
		return
	}
	w.seen[key] = true
	w.wrong = append(w.wrong, fmt.Sprintf("%s belongs to user %d", tui.ShowPath(name), uidOf(info)))
	w.chowns = append(w.chowns, hint.Word(name))
}

func (w *walk) trouble() *Trouble {
	if len(w.wrong) == 0 {
		return nil
	}
	t := &Trouble{Wrong: w.wrong, open: w.open}
	var steps []string
	switch {
	case len(w.chowns) > 0 && w.ours: // with `sudo -E` it is another user's, and is to stay so
		t.step = "set XDG_STATE_HOME to a folder that is yours alone"
		return t
	case len(w.chowns) > 0:
		steps = append(steps, fmt.Sprintf("sudo chown %d %s", w.uid, strings.Join(w.chowns, " ")))
	}
	if len(w.chmods) > 0 {
		steps = append(steps, "chmod go-w "+strings.Join(w.chmods, " "))
	}
	t.step = "`" + strings.Join(steps, " && ") + "`"
	return t
}

func (w *walk) theirs(info fs.FileInfo) bool {
	uid := uidOf(info)
	return uid != w.uid && uid != 0
}

// overflow is the user that Linux shows in the place of those whom a user namespace doesn't know.
const overflow = 65534

// unmapped reports whether uid stands for users outside of our namespace, as root does for what a sandbox didn't make.
func unmapped(uid int) bool {
	if uid != overflow {
		return false
	}
	users, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(users)), " ") != "0 0 4294967295"
}

const everybody = "everybody"

func writable(info fs.FileInfo) string {
	switch perm := info.Mode().Perm(); {
	case info.Mode()&fs.ModeSymlink != 0:
		return ""
	case perm&0o002 != 0:
		return everybody
	case perm&0o020 != 0:
		return "its group"
	}
	return ""
}

func uidOf(info fs.FileInfo) int {
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
