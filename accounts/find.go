package accounts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Lifetimes of sessions for which the file says nothing, or too much.
const (
	DefaultDuration = time.Hour
	MFADuration     = 12 * time.Hour // of a base account's session with MFA, unless the account says otherwise
	ChainedDuration = time.Hour      // the most that AWS gives to a role assumed by a role
)

// index makes looking up cost the same with 3 accounts or 10,000.
type index struct {
	byName map[string]*Account // by lower-case name
	base   *Account            // where roles without a source begin
}

// newIndex also tells each account which file it is in.
func newIndex(f *File) *index {
	x := &index{byName: make(map[string]*Account, len(f.Accounts))}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		a.file = f
		x.byName[strings.ToLower(a.Name)] = a
		if x.base == nil && a.IsBase() {
			x.base = a
		}
	}
	if x.base == nil {
		x.base = &Account{file: f}
	}
	return x
}

// indexed also serves a File that a test has put together by hand.
func (f *File) indexed() *index {
	if f.index == nil {
		return newIndex(f)
	}
	return f.index
}

// Find returns the account of that name, in whichever case it is written.
func (f *File) Find(name string) (*Account, error) {
	if a := f.indexed().byName[strings.ToLower(name)]; a != nil {
		return a, nil
	}
	guess := ""
	for i := range f.Accounts {
		if a := &f.Accounts[i]; a.ProfileName() == name { // setup calls it so, and the user sees it more often than the name
			guess = ": did you mean " + tui.Quote(a.Name) + ", whose profile is so called?"
		}
	}
	if guess == "" {
		guess = DidYouMean(name, f.names())
	}
	err := fmt.Errorf("no account %s in %s%s", tui.Quote(name), tui.ShowPath(f.Path), guess)
	if f.shared != nil && f.AccountsFrom.URL != "" {
		return nil, hint.New(err, "`aws-accounts sync shared` fetches what is new in %s", f.AccountsFrom)
	}
	return nil, hint.New(err, "`aws-accounts list` shows the accounts")
}

func (f *File) names() []string { return NamesOf(slices.Collect(f.All())) }

// File is the file that a is an entry of; an empty one for an account that is in none.
func (a *Account) File() *File {
	if a.file == nil {
		return &File{}
	}
	return a.file
}

// Entry returns a as if it were an entry of f, for what is only about to become one.
func (f *File) Entry(a Account) *Account {
	a.file = f
	return &a
}

// Indexed returns f, put together by hand, with its accounts knowing where they are.
func (f *File) Indexed() *File {
	f.index = newIndex(f)
	return f
}

// SourceAccount returns the account whose credentials a's role is assumed with, nil for an account that is no role. In a file
// without a base account that is an implicit one: its name is empty, and it begins at the profile DefaultProfile.
func (a *Account) SourceAccount() *Account {
	if a.RoleARN == "" {
		return nil
	}
	x := a.File().indexed()
	if a.Source == "" {
		return x.base
	}
	return x.byName[strings.ToLower(a.Source)]
}

// Beginnings are the profiles of ~/.aws that credentials begin at, each with its base account: nil for the implicit one.
func (f *File) Beginnings() map[string]*Account {
	begins, bases := map[string]*Account{}, f.Bases()
	for _, a := range bases {
		if profile := a.Way().Profile; profile != "" {
			begins[profile] = a
		}
	}
	if len(bases) == 0 {
		begins[DefaultProfile] = nil
	}
	return begins
}

// Chain returns the accounts on the way to a, from where its credentials begin (a base account, possibly the implicit
// one, or one of Identity Center) to a itself.
func (a *Account) Chain() []*Account {
	var chain []*Account
	most := len(a.File().Accounts)
	for ; a != nil && len(chain) <= most; a = a.SourceAccount() { // the bound: a hand-made File may have a cycle
		chain = append(chain, a)
	}
	slices.Reverse(chain)
	return chain
}

// ProfileName is the profile of ~/.aws/config that hands out a's credentials, unique in the file.
func (a *Account) ProfileName() string {
	if a.Profile != "" {
		return a.Profile
	}
	return a.File().Defaults.ProfilePrefix + a.Name
}

// EffectiveRegion is a's region, "" if neither it nor the defaults name one.
func (a *Account) EffectiveRegion() string {
	if a.Region != "" {
		return a.Region
	}
	return a.File().Defaults.Region
}

// EffectiveDuration is how long a session of a is asked to live. It is 0 for an account of Identity Center, where the
// permission set decides.
func (a *Account) EffectiveDuration() time.Duration {
	d := a.WantedDuration()
	if a.IsChained() || a.sharesCode() {
		d = min(d, ChainedDuration)
	}
	return d
}

// WantedDuration is how long a session of a should live as the file has it, whether or not AWS will give that. It is 0
// for an account of Identity Center.
func (a *Account) WantedDuration() time.Duration {
	switch defaults := a.File().Defaults; {
	case a.SSO != nil:
		return 0
	case a.Duration != 0:
		return time.Duration(a.Duration)
	case a.IsBase() && a.MFASerial != "":
		return MFADuration // a default that suits roles would have the code asked for all day
	case defaults.Duration != 0:
		return time.Duration(defaults.Duration)
	}
	return DefaultDuration
}

// CodeOwner returns the account whose device's code goes along with the call that gets a's session, nil if none does. That is a
// itself, or the source of a role where the source's session with MFA can't serve: a session from GetSessionToken counts as
// chaining, which AWS limits to an hour (99designs/aws-vault#263), so that a role which says itself that it lasts longer needs a
// code of its own; and an account that hands out its keys has no session.
func (a *Account) CodeOwner() *Account {
	source := a.SourceAccount()
	own := a.MFASerial != ""
	switch {
	case own && (source == nil || !strings.EqualFold(source.MFASerial, a.MFASerial)):
		return a
	case source == nil || source.MFASerial == "":
		return nil
	case source.Session != SessionNone && time.Duration(a.Duration) <= ChainedDuration:
		return nil // also where both name the device
	case own:
		return a
	}
	return source
}

// sharesCode reports whether a's role is assumed with its source's session with MFA: one code for all roles of the source.
func (a *Account) sharesCode() bool {
	source := a.SourceAccount()
	return source != nil && source.MFASerial != "" && a.CodeOwner() == nil
}

// IsChained reports whether a's role is assumed with another role's session, which is then the caller for AWS: it lives
// an hour at most and has no MFA device. Identity Center and a web identity give role sessions too. An instance's role
// doesn't count ("AWS does not treat using roles to grant permissions to applications that run on EC2 instances as role
// chaining", https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html).
func (a *Account) IsChained() bool {
	s := a.SourceAccount()
	return s != nil && (!s.IsBase() || s.Way().WebIdentityTokenFile != "")
}

// Notes are what is right but may surprise, for `validate`. temporary tells of an account whether its credentials begin
// with a session, for who knows more of that than the file says; it may be nil.
func (f *File) Notes(temporary func(*Account) bool) []Problem {
	if f.check == nil { // put together by hand
		return nil
	}
	if temporary == nil {
		temporary = func(*Account) bool { return false }
	}
	return f.check.notes(temporary)
}
