package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// keysLayout is the version of Keys as it is stored.
const keysLayout = 1

const keysPrefix = "keys/"

// Keys is what one keychain item holds: the long-term access key that an account begins with and, while it is being
// rotated, the key beside it. Everything that a rotation needs to go on after it was killed is in here.
type Keys struct {
	Layout    int       `json:"layout"`
	Account   string    `json:"account"` // its name, so that an item never answers for another
	AccountID string    `json:"account_id"`
	User      string    `json:"user"` // the ARN whose keys they are, as AWS said
	Current   AccessKey `json:"current"`
	Rotation  *Rotation `json:"rotation,omitempty"`
}

// AccessKey is a long-term access key.
type AccessKey struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret"`
	Stored time.Time `json:"stored"`
}

// Rotation says how far one has come: with neither key, AWS has been asked to make one, or is about to be.
type Rotation struct {
	Began time.Time  `json:"began"`          // by AWS's clock: a key that is older isn't the rotation's
	Next  *AccessKey `json:"next,omitempty"` // made, not yet in use
	Old   *AccessKey `json:"old,omitempty"`  // no longer in use, not yet deleted at AWS
}

// Credentials returns the key in the SDK's currency.
func (k *Keys) Credentials(key AccessKey) aws.Credentials {
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, AccountID: k.AccountID, Source: "aws-accounts keychain"}
}

// Rotating says which key is in use and what else there is.
func (k *Keys) Rotating() string {
	switch rot := k.Rotation; {
	case rot == nil:
		return k.Current.ID + " stays in use"
	case rot.Next != nil:
		return fmt.Sprintf("%s stays in use, and %s is stored beside it", k.Current.ID, rot.Next.ID)
	case rot.Old != nil:
		return fmt.Sprintf("%s is in use, and %s is still to be deleted", k.Current.ID, rot.Old.ID)
	}
	return k.Current.ID + " stays in use, and AWS may have made another that is still to be deleted"
}

// LoadKeys returns the keys of the account called name: ErrNotFound if there are none, ErrCorrupt if the item isn't whole.
func (k *Keychain) LoadKeys(ctx context.Context, name string) (*Keys, error) {
	data, err := k.Get(ctx, keysKey(name))
	if err != nil {
		return nil, err
	}
	return parseKeys(name, data)
}

// StoreKeys stores the keys and reads them back: they may be the only copy.
func (k *Keychain) StoreKeys(ctx context.Context, keys *Keys) error {
	keys.Layout = keysLayout
	data, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	want, err := parseKeys(keys.Account, data)
	if err != nil {
		return err
	}
	if err := k.Set(ctx, keysKey(keys.Account), data); err != nil {
		return err
	}
	got, err := k.LoadKeys(ctx, keys.Account)
	if err == nil && !reflect.DeepEqual(got, want) {
		err = fmt.Errorf("%w: it holds something else than was stored", ErrCorrupt)
	}
	return err
}

// RemoveKeys forgets the keys of the account called name; ErrNotFound if there are none.
func (k *Keychain) RemoveKeys(ctx context.Context, name string) error {
	return k.Remove(ctx, keysKey(name))
}

// KeysAccounts returns the accounts that have an item of keys, in lower case and sorted.
func (k *Keychain) KeysAccounts(ctx context.Context) ([]string, error) {
	all, err := k.keys(ctx)
	var names []string
	for _, key := range all {
		if name, ok := strings.CutPrefix(key, keysPrefix); ok {
			names = append(names, name)
		}
	}
	return names, err
}

func keysKey(name string) string { return keysPrefix + strings.ToLower(name) }

// parseKeys reads a stored item for the account called name. What is wrong is told without quoting the item.
func parseKeys(name string, data []byte) (*Keys, error) {
	var k Keys
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, fmt.Errorf("%w: not stored access keys", ErrCorrupt)
	}
	switch {
	case k.Layout != keysLayout:
		return nil, fmt.Errorf("%w: stored by another version (layout %d, not %d)", ErrCorrupt, k.Layout, keysLayout)
	case !strings.EqualFold(k.Account, name):
		return nil, fmt.Errorf("%w: it is of another account", ErrCorrupt)
	case k.AccountID == "" || k.User == "" || !k.Current.whole():
		return nil, fmt.Errorf("%w: half an access key", ErrCorrupt)
	}
	if r := k.Rotation; r != nil {
		if r.Next != nil && !r.Next.whole() || r.Old != nil && !r.Old.whole() {
			return nil, fmt.Errorf("%w: half an access key", ErrCorrupt)
		}
		if r.Began.IsZero() || r.Next != nil && r.Old != nil {
			return nil, fmt.Errorf("%w: no state of a rotation", ErrCorrupt)
		}
	}
	return &k, nil
}

func (k *AccessKey) whole() bool { return k.ID != "" && k.Secret != "" && !k.Stored.IsZero() }
