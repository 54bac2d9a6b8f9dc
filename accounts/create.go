package accounts

import (
	"bytes"
	"encoding/json"
	"fmt"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
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
		return fmt.Errorf("creating %s: %w", tui.ShowPath(path), err)
	}
	if _, err := Parse(path, data); err != nil { // what Load would refuse is not written
		return fmt.Errorf("creating %s: %w", tui.ShowPath(path), err)
	}
	if err := atomicfile.Create(path, data, 0o600); err != nil {
		return fmt.Errorf("creating %s: %w", tui.ShowPath(path), hint.FileError(err))
	}
	return nil
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
