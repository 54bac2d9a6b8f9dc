package accounts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tailscale/hujson"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
)

// inKeychain is what a base account says whose keys are in the keychain.
const inKeychain = `{"keychain": true}`

// BeginInKeychain makes the file at path say that the account called name begins with keys in the keychain, and reports
// whether that was news. Into a file without any account it puts one, with that account ID. All else stays as its owner
// wrote it. Locks are held in dir.
func BeginInKeychain(ctx context.Context, path, dir, name, accountID string) (changed bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if release, err := lock.Acquire(waiting, dir, "_accounts-file"); err == nil {
		defer release()
	} else if waiting.Err() != nil {
		return false, errors.New("another `aws-accounts` is changing " + showPath(path))
	}
	old, _, err := read(path)
	if err != nil {
		return false, err
	}
	edited, err := beginInKeychain(path, old, name, accountID)
	if err != nil || string(edited) == string(old) {
		return false, err
	}
	if err := atomicfile.Write(path, edited, 0o600); err != nil {
		return false, hint.New(fmt.Errorf("writing %s: %w", showPath(path), cause(err)),
			"write into account %s there: \"credentials\": %s", name, inKeychain)
	}
	return true, nil
}

// beginInKeychain is the edit itself. What it returns is valid if data was.
func beginInKeychain(path string, data []byte, name, accountID string) ([]byte, error) {
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	bom := len(data) - len(strings.TrimPrefix(string(data), "\ufeff"))
	root, err := hujson.Parse(data[bom:])
	if err != nil {
		return nil, err
	}
	list := member(&root, "accounts")
	var edited []byte
	if len(file.Accounts) == 0 {
		entry := fmt.Sprintf(`{"name": %q, "account_id": %q, "credentials": %s}`, name, accountID, inKeychain)
		at := list.StartOffset + 1
		edited = splice(data, bom+at, bom+at, "\n    "+entry+"\n  ")
	} else {
		a, err := file.Find(name)
		if err != nil {
			return nil, err
		}
		if a.Way().Keychain {
			return data, nil
		}
		elements := elements(list)
		for i := range file.Accounts {
			if &file.Accounts[i] != a {
				continue
			}
			if v := member(&elements[i], "credentials"); v != nil {
				edited = splice(data, bom+v.StartOffset, bom+v.EndOffset, inKeychain)
				break
			}
			text, at := newMember(elements[i].Value.(*hujson.Object))
			edited = splice(data, bom+at, bom+at, text)
		}
	}
	if _, err := Parse(path, edited); err != nil {
		return nil, fmt.Errorf("%s can't begin in the keychain: %w", name, err)
	}
	return edited, nil
}

// newMember is the text of "credentials" behind account_id, or name, laid out as that member is, and where it goes.
func newMember(o *hujson.Object) (text string, at int) {
	after := 0
	for i := range o.Members {
		switch unquote(o.Members[i].Name.Value.(hujson.Literal)) {
		case "account_id":
			after = i
		case "name":
			if unquote(o.Members[after].Name.Value.(hujson.Literal)) != "account_id" {
				after = i
			}
		}
	}
	m := &o.Members[after]
	before := string(m.Name.BeforeExtra)
	before = before[len(strings.TrimRight(before, " \t\r\n")):] // what follows a comment
	if before == "" {
		before = " "
	}
	return "," + before + `"credentials": ` + inKeychain, m.Value.EndOffset
}

func splice(data []byte, from, to int, text string) []byte {
	return append(append(append([]byte{}, data[:from]...), text...), data[to:]...)
}
