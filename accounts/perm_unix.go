//go:build unix

package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// checkWritable refuses a file that somebody else can change or swap for another, since it can name commands to run.
func checkWritable(path string) error { return checkWritableAs(path, os.Geteuid()) }

// Mend takes from others the right to change the accounts file at path, or a folder on the way to it, where the user owns
// it and it lies in home. It returns what it changed, also together with an error.
func Mend(path, home string) (mended []string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uid := os.Geteuid()
	w := walk{uid: uid, seen: map[string]bool{}}
	if err := w.to(abs); err != nil {
		return nil, hint.FileError(err)
	}
	for _, p := range w.open {
		inside, err := filepath.Rel(home, p)
		if err != nil || !filepath.IsLocal(inside) {
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

// checkWritableAs walks from the root to the file the way the kernel does, through every link, and holds against user uid:
//
//   - the file, and each folder that holds it or a link to it: owned by the user or root, writable by nobody else;
//   - a folder further up that is the user's own: writable by nobody else, who could then swap what is below. Folders of
//     others up there are the administrator's affair (a shared /srv/team; root's, which a user namespace shows as
//     nobody's).
//
// A writable folder is all right if it is sticky, as /tmp is, and what lies in it on our way belongs to the user or root:
// then nobody else can rename or remove that. A group counts as somebody else, even if the user is alone in it today:
// who is in it isn't for us to know without asking the network.
func checkWritableAs(path string, uid int) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	w := walk{uid: uid, seen: map[string]bool{}}
	if err := w.to(abs); err != nil {
		return err
	}
	return w.err(path)
}

type walk struct {
	uid    int
	seen   map[string]bool
	wrong  []string
	open   []string // what others can write
	chmods []string
	chowns []string
}

func (w *walk) to(abs string) error {
	here, rest := "/", strings.Split(strings.TrimPrefix(abs, "/"), "/")
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
			here = filepath.Dir(here) // has no links in it any more
			if folder, err = os.Lstat(here); err != nil {
				return err
			}
			continue
		}
		next := filepath.Join(here, name)
		entry, err := os.Lstat(next)
		if err != nil {
			return err
		}
		w.folder(here, folder, entry, len(rest) == 0)
		if entry.Mode()&fs.ModeSymlink == 0 {
			here, folder = next, entry
			continue
		}
		if links++; links > 40 { // what Linux follows
			return &fs.PathError{Op: "open", Path: abs, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			here = "/"
			if folder, err = os.Lstat(here); err != nil {
				return err
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if w.theirs(folder) {
		w.owner(here, folder)
	}
	if writable(folder) != "" {
		w.mode(here, folder)
	}
	return nil
}

func (w *walk) folder(path string, folder, entry fs.FileInfo, last bool) {
	if last && w.theirs(folder) {
		w.owner(path, folder)
	}
	if writable(folder) == "" || folder.Mode()&fs.ModeSticky != 0 && !w.theirs(entry) {
		return
	}
	if last || uidOf(folder) == w.uid {
		w.mode(path, folder)
	}
}

func (w *walk) mode(path string, info fs.FileInfo) {
	if !w.seen[path] {
		w.seen[path] = true
		w.wrong = append(w.wrong, fmt.Sprintf("%s can be written by %s (%s)", tui.ShowPath(path), writable(info), info.Mode()))
		w.open = append(w.open, path)
		w.chmods = append(w.chmods, hint.Word(path))
	}
}

func (w *walk) owner(path string, info fs.FileInfo) {
	if key := "owner of " + path; !w.seen[key] {
		w.seen[key] = true
		w.wrong = append(w.wrong, fmt.Sprintf("%s belongs to user %d", tui.ShowPath(path), uidOf(info)))
		w.chowns = append(w.chowns, hint.Word(path))
	}
}

func (w *walk) err(path string) error {
	if len(w.wrong) == 0 {
		return nil
	}
	var steps []string
	if len(w.chowns) > 0 {
		steps = append(steps, fmt.Sprintf("sudo chown %d %s", w.uid, strings.Join(w.chowns, " ")))
	}
	if len(w.chmods) > 0 {
		steps = append(steps, "chmod go-w "+strings.Join(w.chmods, " "))
	}
	err := errors.New("others can change it, and it can name commands to run: " + strings.Join(w.wrong, "; "))
	return hint.New(fmt.Errorf("refusing %s: %w", tui.ShowPath(path), err), "`%s`", strings.Join(steps, " && "))
}

func (w *walk) theirs(info fs.FileInfo) bool {
	uid := uidOf(info)
	return uid != w.uid && uid != 0
}

func writable(info fs.FileInfo) string {
	switch perm := info.Mode().Perm(); {
	case info.Mode()&fs.ModeSymlink != 0:
		return ""
	case perm&0o002 != 0:
		return "everybody"
	case perm&0o020 != 0:
		return "its group"
	}
	return ""
}

func uidOf(info fs.FileInfo) int {
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
