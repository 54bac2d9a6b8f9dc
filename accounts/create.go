package accounts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Create writes a new accounts file with base as its only account, or with none if base is nil. Only its owner can read
// it, whatever the umask. A file that is already there, be it a dangling link, is left alone: the error is then
// fs.ErrExist.
func Create(path string, base *Account) error {
	f := &File{Path: path, Accounts: []Account{}}
	if base != nil {
		f.Accounts = append(f.Accounts, *base)
	}
	data, err := f.encode()
	if err != nil {
		return fmt.Errorf("creating %s: %w", showPath(path), err)
	}
	if _, err := Parse(path, data); err != nil { // what Load would refuse is not written
		return fmt.Errorf("creating %s: %w", showPath(path), err)
	}
	if err := write(path, data); err != nil {
		return fmt.Errorf("creating %s: %w", showPath(path), cause(err))
	}
	return nil
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = w.Chmod(0o600) // a umask can take even the owner's rights
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Sync()
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path) // half a file is worse than none, and it is ours
	}
	return err
}

// encode is the file as JSON for people: indented, and with <, > and & as they are.
func (f *File) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}
