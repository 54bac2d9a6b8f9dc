// Package accounts owns the accounts file: which accounts there are and how each one's credentials come about.
//
// Invariant: a File that Load returns is valid. Every name is unique and safe in a stanza and in a shell, every source
// exists, no chain is a cycle, and every value is one that AWS accepts as far as that can be known without asking.
package accounts

import (
	"fmt"
	"iter"
	"path"
	"reflect"
	"strings"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// File is the accounts file. It is read by Load and Parse alone, which check it; it isn't changed afterwards, so that
// any number of goroutines may read it.
type File struct {
	Path         string        `json:"-"`                 // where it was read from
	Stamp        version.Stamp `json:"-"`                 // the version that was read; zero from Parse
	Schema       string        `json:"$schema,omitempty"` // for editors, which find there what `aws-accounts schema` prints
	Keychain     *Keychain     `json:"keychain,omitempty"`
	AccountsFrom *AccountsFrom `json:"accounts_from,omitempty"`
	Defaults     Defaults      `json:"defaults,omitzero"`
	Accounts     []Account     `json:"accounts"`
	SSOSessions  []SSOSession  `json:"sso_sessions,omitempty"`

	index  *index
	check  *check // for Notes
	shared *shared
}

// Keychain is the choice of a keychain other than the platform's own.
type Keychain struct {
	Backend           string `json:"backend,omitempty"`
	PassphraseCommand string `json:"passphrase_command,omitempty"` // for the file backend; its first line of output
}

// Defaults hold for every account that doesn't say otherwise.
type Defaults struct {
	Region        string   `json:"region,omitempty"`
	Duration      Duration `json:"duration,omitempty"`
	ProfilePrefix string   `json:"profile_prefix,omitempty"`
	// NameTemplate is how sync calls what it finds; without it as AWS calls the account, and the role's name where it is needed.
	NameTemplate NameTemplate `json:"name_template,omitempty"`
}

// Account is one entry: a base account, a role, or a permission set of Identity Center.
type Account struct {
	Name        string `json:"name"`
	AccountID   string `json:"account_id,omitempty"` // 12 digits; where only the ARN of the role names it, taken from there
	Description string `json:"description,omitempty"`
	Region      string `json:"region,omitempty"`
	Profile     string `json:"profile,omitempty"` // of ~/.aws/config, where it isn't prefix + name

	// A base account: where credentials begin.
	Credentials *Credentials `json:"credentials,omitempty"`
	Session     string       `json:"session,omitempty"` // SessionToken (also when empty) or SessionNone

	// A role.
	RoleARN           string            `json:"role_arn,omitempty"`
	Source            string            `json:"source,omitempty"`   // the account it is assumed from
	Duration          Duration          `json:"duration,omitempty"` // of a base account's own session too; see EffectiveDuration
	ExternalID        string            `json:"external_id,omitempty"`
	SessionName       string            `json:"session_name,omitempty"` // of a web identity too
	SourceIdentity    string            `json:"source_identity,omitempty"`
	SessionTags       map[string]string `json:"session_tags,omitempty"`
	TransitiveTagKeys []string          `json:"transitive_tag_keys,omitempty"`
	Policy            Policy            `json:"policy,omitempty"`
	PolicyARNs        []string          `json:"policy_arns,omitempty"`

	MFASerial  string `json:"mfa_serial,omitempty"`
	MFAProcess string `json:"mfa_process,omitempty"` // a command that prints a code

	SSO *SSO `json:"sso,omitempty"`

	Synced *Synced `json:"synced,omitempty"` // `sync` has made the entry

	From string `json:"-"` // the shared file that has it, "" for the user's own

	file *File // see File
}

// What a base account with long-term keys hands out.
const (
	SessionToken = "token" // a session from GetSessionToken, so that the keys never reach a caller
	SessionNone  = "none"  // the keys as they are
)

// Credentials says where a base account's credentials come from; exactly one of its ways is set. A base account without
// it begins at the profile DefaultProfile: see (*Account).Way.
type Credentials struct {
	Profile              string `json:"profile,omitempty"` // an ordinary profile of ~/.aws
	Keychain             bool   `json:"keychain,omitempty"`
	Environment          bool   `json:"environment,omitempty"`
	WebIdentityTokenFile string `json:"web_identity_token_file,omitempty"`
	RoleARN              string `json:"role_arn,omitempty"` // with WebIdentityTokenFile
	Instance             bool   `json:"instance,omitempty"`
}

// SSO is a permission set in an account, reached through Identity Center.
type SSO struct {
	Session  string `json:"session"` // the name of an SSOSession
	RoleName string `json:"role_name"`
}

// SSOSession is one Identity Center: a start URL to sign in at.
type SSOSession struct {
	Name               string   `json:"name"`
	StartURL           string   `json:"start_url"`
	Region             string   `json:"region"`
	RegistrationScopes []string `json:"registration_scopes,omitempty"` // default: sso:account:access
}

// DefaultProfile is the profile of ~/.aws that a base account begins at when it doesn't say.
const DefaultProfile = "default"

// IsBase reports whether credentials begin at a.
func (a *Account) IsBase() bool { return a.RoleARN == "" && a.SSO == nil }

// Way is where a base account's credentials come from, with the default in its place. It is zero for any other account.
func (a *Account) Way() Credentials {
	switch {
	case !a.IsBase():
		return Credentials{}
	case a.Credentials == nil:
		return Credentials{Profile: DefaultProfile}
	}
	return *a.Credentials
}

// SSOSession returns the Identity Center that a's permission set is reached through, nil if a has none.
func (a *Account) SSOSession() *SSOSession {
	if a.SSO == nil {
		return nil
	}
	return a.File().SSOSession(a.SSO.Session)
}

// SSOSession returns the Identity Center of that name, in whichever case it is written, nil if there is none.
func (f *File) SSOSession(name string) *SSOSession {
	for i := range f.SSOSessions {
		if s := &f.SSOSessions[i]; strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

// All are the accounts, in the file's order.
func (f *File) All() iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		for i := range f.Accounts {
			if !yield(&f.Accounts[i]) {
				return
			}
		}
	}
}

// Where returns those of the accounts that fit, in the file's order.
func (f *File) Where(fits func(*Account) bool) (found []*Account) {
	for a := range f.All() {
		if fits(a) {
			found = append(found, a)
		}
	}
	return found
}

// Bases are the base accounts.
func (f *File) Bases() []*Account { return f.Where((*Account).IsBase) }

// NamesOf are what accounts are called.
func NamesOf(list []*Account) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	return names
}

// sameEntry reports whether two accounts say the same, in whichever files they are.
func sameEntry(a, b Account) bool {
	a.file, b.file = nil, nil
	return reflect.DeepEqual(a, b)
}

// RoleName is the last part of a role's ARN, which is how people call it.
func RoleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// String says in two words at most where credentials come from.
func (c Credentials) String() string {
	switch {
	case c.Keychain:
		return "keychain"
	case c.Environment:
		return "environment"
	case c.WebIdentityTokenFile != "":
		return "web identity"
	case c.Instance:
		return "instance"
	}
	return "profile " + c.Profile
}

// Select returns the accounts that names stand for, each once and in the file's order for a pattern: an account's name, or a
// pattern of path.Match such as prod-*, in either case. What stands for none is an error.
func (f *File) Select(names []string) (chosen []*Account, err error) {
	seen := map[*Account]bool{}
	take := func(a *Account) {
		if !seen[a] {
			seen[a], chosen = true, append(chosen, a)
		}
	}
	for _, name := range names {
		if !strings.ContainsAny(name, `*?[\`) {
			a, err := f.Find(name)
			if err != nil {
				return nil, err
			}
			take(a)
			continue
		}
		found := false
		for a := range f.All() {
			match, err := path.Match(strings.ToLower(name), strings.ToLower(a.Name))
			if err != nil {
				return nil, hint.Usage(fmt.Errorf("%s is no pattern", tui.Quote(name)), "write one like 'prod-*'")
			}
			if match {
				found = true
				take(a)
			}
		}
		if !found {
			return nil, hint.New(fmt.Errorf("no account in %s is called like %s", tui.ShowPath(f.Path), tui.Quote(name)), "`aws-accounts list` shows the accounts")
		}
	}
	return chosen, nil
}
