package wire

import (
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/stanza"
	"aws-accounts/process"
)

// Spelling is an account's name as the accounts file has it. The error is for what is no account's name, which may have been
// a slip of the pen; it is nil where that can't be told.
type Spelling func(name string) (string, error)

// States tells, for those of the accounts that have a session which is still handed out, when it expires. The keychain may be
// out of reach: then the error says why, and the accounts are listed all the same.
type States func(names []string) (map[string]time.Time, error)

// Start is what init works with: there may be no accounts file yet to ask.
type Start struct {
	Accounts *accounts.Reader
	Program  *stanza.Program
	Asker    *ask.Asker
	Locks    string
	Chosen   string                                    // the keychain that the environment chooses, "" for none
	Resolver func(accounts.Keychain) *process.Resolver // with sessions and keys in that keychain; touches nothing yet
	Own      string                                    // the platform's own keychain
}
