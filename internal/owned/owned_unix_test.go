//go:build unix

package owned

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"aws-accounts/internal/hint"
)

// layout makes folders and files with just these modes; a name ends in / for a folder.
func layout(t *testing.T, modes ...any) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(modes); i += 2 {
		path := filepath.Join(dir, modes[i].(string))
		if strings.HasSuffix(modes[i].(string), "/") {
			err = os.Mkdir(path, 0o700)
		} else {
			err = os.WriteFile(path, []byte(`{"accounts": []}`), 0o600)
		}
		if err == nil {
			err = os.Chmod(path, modes[i+1].(os.FileMode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// check is the error that refuses the file at path to user uid.
func check(path string, uid int) error {
	trouble, err := file(path, uid)
	if err != nil {
		return err
	}
	return trouble.Err(path, "it names commands")
}

func TestWritableByOthers(t *testing.T) {
	const sticky = os.ModeSticky
	for _, test := range []struct {
		name       string
		modes      []any
		links      []string // name, target, …
		path       string
		want, hint string // DIR stands for the folder; "" if all is right
	}{
		{name: "private", modes: []any{"a/", os.FileMode(0o700), "a/f", os.FileMode(0o600)}, path: "a/f"},
		{name: "readable", modes: []any{"a/", os.FileMode(0o755), "a/f", os.FileMode(0o644)}, path: "a/f"},
		{name: "group", modes: []any{"a/", os.FileMode(0o700), "a/f", os.FileMode(0o660)}, path: "a/f",
			want: "DIR/a/f can be written by its group (-rw-rw----)", hint: "chmod go-w DIR/a/f"},
		{name: "everybody", modes: []any{"a/", os.FileMode(0o700), "a/f", os.FileMode(0o666)}, path: "a/f",
			want: "DIR/a/f can be written by everybody (-rw-rw-rw-)", hint: "chmod go-w DIR/a/f"},
		{name: "folder", modes: []any{"a b/", os.FileMode(0o775), "a b/f", os.FileMode(0o664)}, path: "a b/f",
			want: "DIR/a b can be written by its group (drwxrwxr-x); DIR/a b/f can be written by its group (-rw-rw-r--)",
			hint: "chmod go-w 'DIR/a b' 'DIR/a b/f'"},
		{name: "sticky folder, own file", modes: []any{"a/", sticky | os.FileMode(0o777), "a/f", os.FileMode(0o600)}, path: "a/f"},
		{name: "own folder above", modes: []any{"a/", os.FileMode(0o770), "a/b/", os.FileMode(0o700), "a/b/f", os.FileMode(0o600)}, path: "a/b/f",
			want: "DIR/a can be written by its group (drwxrwx---)", hint: "chmod go-w DIR/a"},
		{name: "link", modes: []any{"a/", os.FileMode(0o700), "b/", os.FileMode(0o700), "b/f", os.FileMode(0o600)}, links: []string{"a/f", "../b/f"}, path: "a/f"},
		{name: "link's folder", modes: []any{"a/", os.FileMode(0o777), "b/", os.FileMode(0o700), "b/f", os.FileMode(0o600)}, links: []string{"a/f", "../b/f"}, path: "a/f",
			want: "DIR/a can be written by everybody (drwxrwxrwx)", hint: "chmod go-w DIR/a"},
		{name: "target's folder", modes: []any{"a/", os.FileMode(0o700), "b/", os.FileMode(0o777), "b/f", os.FileMode(0o600)}, links: []string{"a/f", "../b/f"}, path: "a/f",
			want: "DIR/b can be written by everybody (drwxrwxrwx)", hint: "chmod go-w DIR/b"},
		{name: "target", modes: []any{"a/", os.FileMode(0o700), "b/", os.FileMode(0o700), "b/f", os.FileMode(0o606)}, links: []string{"a/f", "../b/f"}, path: "a/f",
			want: "DIR/b/f can be written by everybody (-rw----rw-)", hint: "chmod go-w DIR/b/f"},
		{name: "link between", modes: []any{"a/", os.FileMode(0o700), "b/", os.FileMode(0o700), "b/f", os.FileMode(0o600), "c/", os.FileMode(0o777)},
			links: []string{"c/l", "../b/f", "a/f", "../c/l"}, path: "a/f",
			want: "DIR/c can be written by everybody (drwxrwxrwx)", hint: "chmod go-w DIR/c"},
		{name: "linked folder", modes: []any{"a/", os.FileMode(0o700), "b/", os.FileMode(0o775), "b/f", os.FileMode(0o600)}, links: []string{"a/l", "../b"}, path: "a/l/f",
			want: "DIR/b can be written by its group (drwxrwxr-x)", hint: "chmod go-w DIR/b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := layout(t, test.modes...)
			for i := 0; i < len(test.links); i += 2 {
				if err := os.Symlink(test.links[i+1], filepath.Join(dir, test.links[i])); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, test.path)
			err := check(path, os.Geteuid())
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			want := "refusing " + path + ": others can change it, and it names commands: " + strings.ReplaceAll(test.want, "DIR", dir)
			if err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if got, want := hint.Of(err), "`"+strings.ReplaceAll(test.hint, "DIR", dir)+"`"; got != want {
				t.Errorf("hint %s, want %s", got, want)
			}
		})
	}
}

// stranger makes path somebody's who is neither root nor the user whom it returns.
func stranger(t *testing.T, path string) (user int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return os.Geteuid() + 1 // then the file's owner is the stranger
	}
	if err := os.Lchown(path, 4242, -1); err != nil {
		t.Fatal(err)
	}
	return 4343
}

func TestOwnedByOthers(t *testing.T) {
	dir := layout(t, "f", os.FileMode(0o600))
	path := filepath.Join(dir, "f")
	user := stranger(t, path)
	err := check(path, user)
	if err == nil || !strings.Contains(err.Error(), path+" belongs to user ") || !strings.HasPrefix(hint.Of(err), "`sudo chown ") {
		t.Errorf("got %v, hint %s", err, hint.Of(err))
	}

	dir = layout(t, "a/", os.FileMode(0o700))
	link := filepath.Join(dir, "a/f")
	if err := os.Symlink("/etc/passwd", link); err != nil { // root's, readable by everybody
		t.Fatal(err)
	}
	user = stranger(t, filepath.Join(dir, "a"))
	if err := check(link, user); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "a")+" belongs to user ") {
		t.Errorf("folder: %v", err)
	}
	if err := check("/etc/passwd", user); err != nil {
		t.Errorf("a file of root's: %v", err)
	}
}

// In a sticky folder somebody else can't touch our files, but can put one there, or a link.
func TestStickyFolder(t *testing.T) {
	dir := layout(t, "a/", os.ModeSticky|os.FileMode(0o777), "a/f", os.FileMode(0o600))
	user := stranger(t, filepath.Join(dir, "a/f"))
	if err := check(filepath.Join(dir, "a/f"), user); err == nil {
		t.Error("somebody else's file is taken")
	}
	dir = layout(t, "a/", os.ModeSticky|os.FileMode(0o777))
	link := filepath.Join(dir, "a/f")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	user = stranger(t, link)
	if err := check(link, user); err == nil {
		t.Error("somebody else's link is followed")
	}
}

func TestLinkInCircles(t *testing.T) {
	dir := layout(t)
	if err := os.Symlink("g", filepath.Join(dir, "f")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	if err := check(filepath.Join(dir, "f"), os.Geteuid()); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("got %v", err)
	}
}

// What the user owns at home is mended, the rest is left to him.
func TestMend(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "config")
	file := filepath.Join(dir, "accounts.json")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`{"accounts":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o775, file: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if mended, err := Mend(file, filepath.Join(home, "elsewhere")); err != nil || len(mended) != 0 {
		t.Errorf("outside of home %v was mended, %v", mended, err)
	}
	if mended, err := Mend(file, home); err != nil || !slices.Equal(mended, []string{dir, file}) {
		t.Errorf("mended %v, %v", mended, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := check(file, os.Geteuid()); err != nil {
		t.Error(err)
	}
	if mended, err := Mend(file, home); err != nil || len(mended) != 0 {
		t.Errorf("again: %v, %v", mended, err)
	}
}

// A folder further up that belongs to somebody else: its owner can put another folder of the user's in the place of ours, as
// a checkout.
func TestOwnedByOthersFurtherUp(t *testing.T) {
	dir := layout(t, "theirs/", os.FileMode(0o755), "theirs/mine/", os.FileMode(0o700), "theirs/mine/f", os.FileMode(0o600))
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: without root no folder can be somebody else's")
	}
	if err := os.Chown(filepath.Join(dir, "theirs"), 4242, -1); err != nil {
		t.Fatal(err)
	}
	err := check(filepath.Join(dir, "theirs/mine/f"), os.Geteuid())
	if want := filepath.Join(dir, "theirs") + " belongs to user 4242"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestFolder(t *testing.T) {
	const sticky = os.ModeSticky
	for _, test := range []struct {
		name  string
		modes []any
		path  string
		want  string // DIR stands for the folder; "" if all is right
	}{
		{name: "ours", modes: []any{"a/", os.FileMode(0o755), "a/s/", os.FileMode(0o700)}, path: "a/s"},
		{name: "not there yet", modes: []any{"a/", os.FileMode(0o755)}, path: "a/b/s"},
		{name: "a group further up", modes: []any{"a/", os.FileMode(0o775), "a/s/", os.FileMode(0o700)}, path: "a/s"},
		{name: "its group", modes: []any{"a/", os.FileMode(0o755), "a/s/", os.FileMode(0o770)}, path: "a/s",
			want: "DIR/a/s can be written by its group (drwxrwx---)"},
		{name: "everybody", modes: []any{"a/", os.FileMode(0o755), "a/s/", os.FileMode(0o777)}, path: "a/s",
			want: "DIR/a/s can be written by everybody (drwxrwxrwx)"},
		{name: "in a shared place", modes: []any{"a/", os.FileMode(0o777), "a/s/", os.FileMode(0o700)}, path: "a/s",
			want: "DIR/a can be written by everybody (drwxrwxrwx)"},
		{name: "in a sticky place", modes: []any{"a/", sticky | os.FileMode(0o777), "a/s/", os.FileMode(0o700)}, path: "a/s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := layout(t, test.modes...)
			trouble, err := Folder(filepath.Join(dir, test.path))
			if err != nil {
				t.Fatal(err)
			}
			switch want := strings.ReplaceAll(test.want, "DIR", dir); {
			case want == "" && trouble != nil:
				t.Errorf("refused: %q", trouble.Wrong)
			case want != "" && (trouble == nil || !slices.Equal(trouble.Wrong, []string{want})):
				t.Errorf("got %v, want %q", trouble, want)
			}
		})
	}
	t.Run("another user's", func(t *testing.T) {
		dir := layout(t, "a/", os.FileMode(0o755), "a/s/", os.FileMode(0o700))
		user := stranger(t, filepath.Join(dir, "a/s"))
		if trouble, err := folder(filepath.Join(dir, "a/s"), user); err != nil || trouble == nil {
			t.Errorf("%v, %v", trouble, err)
		}
		user = stranger(t, filepath.Join(dir, "a")) // as with `sudo -E` before the first call
		if trouble, err := folder(filepath.Join(dir, "a/t"), user); err != nil || trouble == nil {
			t.Errorf("not there yet: %v, %v", trouble, err)
		}
	})
}
