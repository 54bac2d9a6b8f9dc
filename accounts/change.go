package accounts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/tui"
)

// Empty is the least file, for somebody who has none yet.
const Empty = "{\n  \"accounts\": []\n}\n"

// Change replaces the file at path by what edit makes of it, and reports whether that is something else. What edit is given
// is what is there while nobody else of us can write, Empty if there is no file; what it returns is checked before it is
// written. Locks are held in locks.
func Change(ctx context.Context, path, locks string, edit func(old []byte) ([]byte, error)) (changed bool, err error) {
	release, err := lock.ToChange(ctx, locks, lock.AccountsFile, tui.ShowPath(path))
	if err != nil {
		return false, err
	}
	defer release()
	old, _, err := read(path)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		old, err = []byte(Empty), nil
	}
	if err != nil {
		return false, err
	}
	edited, err := edit(old)
	if err != nil {
		return false, refused(err)
	}
	if string(edited) == string(old) && !created {
		return false, nil
	}
	if _, err := Parse(path, edited); err != nil {
		return false, refused(err)
	}
	if err := atomicfile.Write(path, edited, 0o600); err != nil {
		return false, fmt.Errorf("writing %s: %w", tui.ShowPath(path), hint.FileError(err))
	}
	return true, nil
}

// refused is what is wrong with a file that was never written, so that its lines would mean nothing to anybody.
func refused(err error) error {
	problems, ok := errors.AsType[*Problems](err)
	if !ok {
		return err
	}
	step := "correct that and try again; `aws-accounts schema` describes every field"
	if problems.doubt != "" {
		step = fmt.Sprintf("`aws-accounts %s` first, and so for each role without one", problems.doubt)
	}
	return hint.New(fmt.Errorf("nothing was written: %w", withoutLines(err)), "%s", step)
}

func withoutLines(err error) error {
	problems, ok := errors.AsType[*Problems](err)
	if !ok {
		return err
	}
	var texts []string
	for _, p := range problems.List {
		texts = append(texts, p.Message)
	}
	return errors.New(strings.Join(texts, "; "))
}

// Create writes a new accounts file with base as its only account, or with none if base is nil. Only its owner can read
// it, whatever the umask. A file that is already there, be it a dangling link, is left alone: the error is then
// fs.ErrExist.
func Create(path string, base *Account) error {
	f := &File{Path: path, Accounts: []Account{}}
	if base != nil {
		f.Accounts = append(f.Accounts, *base)
	}
	data, err := encodeJSON(f, "  ")
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

// inKeychain is what a base account says whose keys are in the keychain.
const inKeychain = `{"keychain": true}`

// BeginInKeychain makes the file at path say that the account called name begins with keys in the keychain, and reports
// whether that was news. Into a file without any account it puts one, with that account ID. region is where AWS was
// asked about the key so far, "" if that needs no saying; the file's own word counts more. All else stays as its owner
// wrote it. Locks are held in dir.
func BeginInKeychain(ctx context.Context, path, dir, name, accountID, region string) (changed bool, err error) {
	changed, err = Change(ctx, path, dir, func(old []byte) ([]byte, error) {
		return beginInKeychain(path, old, name, accountID, region)
	})
	if err != nil && hint.Of(err) == "" {
		err = hint.New(err, "write into account %s there: \"credentials\": %s", name, inKeychain)
	}
	return changed, err
}

// beginInKeychain is the edit itself. What it returns is valid if data was.
func beginInKeychain(path string, data []byte, name, accountID, region string) ([]byte, error) {
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if file.Defaults.Region != "" {
		region = ""
	}
	var edited []byte
	if len(file.Accounts) == 0 {
		edited, err = Add(path, data, Account{Name: name, AccountID: accountID, Region: region,
			Credentials: &Credentials{Keychain: true}})
	} else {
		a, ferr := file.Find(name)
		if ferr != nil {
			return nil, ferr
		}
		var fields []Field
		if !a.Way().Keychain {
			fields = append(fields, Field{"credentials", inKeychain})
		}
		if region != "" && a.Region == "" {
			fields = append(fields, Field{"region", fmt.Sprintf("%q", region)})
		}
		if len(fields) == 0 {
			return data, nil
		}
		edited, err = Set(path, data, a.Name, fields...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't begin in the keychain: %w", name, err)
	}
	return edited, nil
}

// BeginAtSSO puts an Identity Center into the file at path, unless it is there. Locks are held in dir.
func BeginAtSSO(ctx context.Context, path, dir string, s SSOSession) error {
	_, err := Change(ctx, path, dir, func(old []byte) ([]byte, error) { return beginAtSSO(path, old, s) })
	return err
}

// CanBeginAtSSO is what BeginAtSSO would have against it, and writes nothing.
func CanBeginAtSSO(path string, s SSOSession) error {
	old, _, err := read(path)
	if err != nil {
		return err
	}
	_, err = beginAtSSO(path, old, s)
	return refused(err)
}

func beginAtSSO(path string, data []byte, s SSOSession) ([]byte, error) {
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if have := file.SSOSession(s.Name); have != nil && have.StartURL == s.StartURL && have.Region == s.Region {
		return data, nil
	}
	return AddSSOSession(path, data, s)
}
