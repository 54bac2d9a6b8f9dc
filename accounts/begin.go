package accounts

import (
	"context"
	"fmt"

	"aws-accounts/internal/hint"
)

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
