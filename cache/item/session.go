package item

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// SessionLayout is the version of Session as it is stored. An item of another version is as good as none.
const SessionLayout = 1

// Session is what one keychain item holds: a set of temporary credentials and all that says whether it may be handed out.
type Session struct {
	Layout      int       `json:"layout"`
	Account     string    `json:"account"`     // its name, so that an item never answers for another
	Fingerprint string    `json:"fingerprint"` // of everything that shaped the session
	Stamp       string    `json:"stamp,omitempty"`
	Issued      time.Time `json:"issued"`

	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	SessionToken    string    `json:"session_token"`
	Expiration      time.Time `json:"expiration"`
	AccountID       string    `json:"account_id,omitempty"`
	Source          string    `json:"source,omitempty"` // the provider's name, for those who ask where it came from

	// Sum is of all the above: a stored session that was damaged isn't handed out, even if it still looks like one.
	Sum string `json:"sum"`
}

// fields is Session without its methods.
type fields Session

// MarshalJSON puts the sum in.
func (s Session) MarshalJSON() ([]byte, error) {
	s.Sum = s.sum()
	return json.Marshal(fields(s))
}

func (s Session) sum() string {
	s.Sum = ""
	data, _ := json.Marshal(fields(s)) // strings and times of our own: always possible
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// SessionKey returns the key of the item that holds the session of the account called name. A variant is of the environment: a
// session that other endpoints issued is another item (see package protocol), "" for AWS's own.
func SessionKey(name, variant string) string {
	key := SessionPrefix + strings.ToLower(name)
	if variant != "" {
		key += "/" + variant
	}
	return key
}

// SessionPrefix begins the key of every session.
const SessionPrefix = "session/"

// freshMinimum is more than the 15 minutes inside of which botocore and .NET ask again before every request.
const freshMinimum = 16 * time.Minute

// Fresh reports whether enough lifetime is left to hand the session out without asking AWS: 16 minutes, or half of the
// lifetime where that is less. A clock that stands a minute before Issued has been set back; nothing is known of such a session.
func (s *Session) Fresh(now time.Time) bool {
	lifetime := s.Expiration.Sub(s.Issued)
	return s.Expiration.Sub(now) >= min(freshMinimum, lifetime/2) && s.Valid(now) && s.Issued.Sub(now) < time.Minute
}

// Valid reports whether AWS still accepts the session.
func (s *Session) Valid(now time.Time) bool { return now.Before(s.Expiration) }

// Answers reports whether the session may be handed out as of this version of the files, without asking how it came about.
func (s *Session) Answers(stamp string, now time.Time) bool {
	return stamp != "" && s.Stamp == stamp && s.Fresh(now)
}

// ParseSession reads a stored item for the account called name. Anything that isn't a whole session of that account is
// ErrCorrupt; what is wrong is told without quoting the item.
func ParseSession(name string, data []byte) (*Session, error) {
	var s Session
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: not a stored session", ErrCorrupt)
	}
	switch {
	case s.Layout != SessionLayout:
		return nil, fmt.Errorf("%w: stored by another version (layout %d, not %d)", ErrCorrupt, s.Layout, SessionLayout)
	case !strings.EqualFold(s.Account, name):
		return nil, fmt.Errorf("%w: it is of another account", ErrCorrupt)
	case s.AccessKeyID == "" || s.SecretAccessKey == "" || s.SessionToken == "" || s.Fingerprint == "":
		return nil, fmt.Errorf("%w: half a session", ErrCorrupt)
	case s.Sum != s.sum():
		return nil, fmt.Errorf("%w: damaged", ErrCorrupt)
	case s.Expiration.IsZero() || !s.Issued.Before(s.Expiration):
		return nil, fmt.Errorf("%w: no lifetime", ErrCorrupt)
	}
	return &s, nil
}
