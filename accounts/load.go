package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/owned"
	"aws-accounts/internal/tui"
)

// maxSize is a bound against a path that leads astray. 10,000 accounts are 2 MB.
const maxSize = 32 << 20

// Load reads the file, refuses it if somebody else could have written it, and checks all that it says. The error is
// fs.ErrNotExist if there is none, and *Problems if what it says is wrong.
func Load(path string) (*File, error) {
	data, stamp, err := read(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	f.Stamp = stamp
	return f, nil
}

// loadSeen is Load for a file that has been looked at: what the look has read isn't read again.
func loadSeen(seen *version.Seen) (*File, error) {
	data, read := seen.Content()
	if !read {
		return Load(seen.Path)
	}
	if err := checkOwned(seen.Path); err != nil {
		return nil, notFound(seen.Path, err)
	}
	if !seen.Unchanged() { // what was read may be somebody else's
		return Load(seen.Path)
	}
	f, err := Parse(seen.Path, data)
	if err != nil {
		return nil, err
	}
	f.Stamp = seen.Stamp
	return f, nil
}

// Parse is Load for a file's content. It is JSON; comments and commas before a closing bracket are accepted as well, since
// people write it by hand and take an account out for a while. The path is for the messages, and for what accounts_from
// names relative to it, which is read as well.
func Parse(path string, data []byte) (*File, error) { return parseFile(path, data, false) }

// parseFile is Parse, or with shared that of a file which another one names in accounts_from.
func parseFile(path string, data []byte, shared bool) (*File, error) {
	r := newReport(data)
	f := &File{Path: path}
	var c *check
	if root, ok := parse(r); ok {
		d := newDecoder(r)
		d.value(root, reflect.ValueOf(f).Elem(), "")
		f.index = newIndex(f)
		c = newCheck(d, f, root)
		if shared {
			c.harmless()
			f.AccountsFrom = nil // refused, and not followed: it may lead in a circle
		}
		c.all()
	}
	if err := problemsError(path, r); err != nil {
		return nil, err
	}
	f.index = newIndex(f)
	f.check, f.shared = c, c.shared
	return f, nil
}

func newReport(data []byte) *report {
	return &report{data: bytes.TrimPrefix(data, []byte("\ufeff"))} // Windows editors begin with a mark
}

func problemsError(path string, r *report) error {
	list := r.problems()
	if len(list) == 0 {
		return nil
	}
	return hint.New(&Problems{path, list, r.doubt}, "correct the file, then run `aws-accounts validate`")
}

// ReadFile returns the text of the accounts file at path, under the same conditions as Reader reads it: an ordinary file that
// nobody else can change.
func ReadFile(path string) ([]byte, error) {
	data, _, err := read(path)
	return data, err
}

// read returns the content together with the stamp of just that content.
func read(path string) ([]byte, version.Stamp, error) {
	fail := func(err error) ([]byte, version.Stamp, error) { return nil, version.Stamp{}, err }
	info, err := os.Stat(path)
	if err != nil {
		return fail(notFound(path, err))
	}
	if !info.Mode().IsRegular() { // before opening, since a pipe would keep us waiting
		what := "not a regular file"
		if info.IsDir() {
			what = "a folder, not a file"
		}
		return fail(hint.New(fmt.Errorf("reading %s: it is %s", tui.ShowPath(path), what), "name an accounts file with --accounts-file or AWS_ACCOUNTS_FILE, or leave both out"))
	}
	if err := checkOwned(path); err != nil {
		return fail(notFound(path, err))
	}
	return readWhole(path)
}

// checkOwned refuses a file that somebody else can change or swap for another.
func checkOwned(path string) error {
	trouble, err := owned.File(path)
	if err != nil {
		return err
	}
	return trouble.Err(path, "it can name commands to run")
}

// readWhole reads a version of the file, not a mix of two.
func readWhole(path string) ([]byte, version.Stamp, error) {
	for range 5 {
		data, stamp, err := readOnce(path)
		if err != errChanged {
			return data, stamp, err
		}
	}
	return nil, version.Stamp{}, fmt.Errorf("reading %s: %w", tui.ShowPath(path), errChanged)
}

var errChanged = errors.New("it changes while it is read")

func readOnce(path string) ([]byte, version.Stamp, error) {
	var file *os.File
	err := atomicfile.Patiently(func() (err error) { file, err = os.Open(path); return err })
	if err != nil {
		return nil, version.Stamp{}, notFound(path, err)
	}
	defer file.Close()
	before, err := version.StatOpen(file)
	if err != nil {
		return nil, version.Stamp{}, notFound(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, version.Stamp{}, notFound(path, err)
	}
	if len(data) > maxSize {
		return nil, version.Stamp{}, fmt.Errorf("reading %s: it is larger than %d MB", tui.ShowPath(path), maxSize>>20)
	}
	after, err := version.StatOpen(file)
	if err != nil {
		return nil, version.Stamp{}, notFound(path, err)
	}
	if before.String() != after.String() {
		return nil, version.Stamp{}, errChanged
	}
	return data, after.Of(data, time.Now()), nil
}

// notFound says once which file, and what to do if there is none.
func notFound(path string, err error) error {
	if hint.Of(err) != "" {
		return err // is complete
	}
	err = fmt.Errorf("reading %s: %w", tui.ShowPath(path), hint.FileError(err))
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case os.Getenv("HOME") == "" && runtime.GOOS != "windows": // as in a service, which looks elsewhere than its user does
		return hint.New(err, "HOME isn't set here: set it where this is started, "+
			"or run `aws-accounts --accounts-file=FILE setup` once, which has the profiles name the file")
	}
	return hint.New(err, "`aws-accounts init` makes an accounts file")
}
