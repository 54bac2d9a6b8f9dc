package accounts

import (
	"cmp"
	"fmt"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/tui"
)

// NameTemplate says how a sync calls what it finds: text with {account}, {role} and {id}, of which the first two may be changed on
// the way, as in {account|lower|strip:corp-}.
type NameTemplate string

var placeholder = pattern.New(`\{[^{}]*\}`)

// UnmarshalText refuses what isn't one, so that a flag or the file says so.
func (t *NameTemplate) UnmarshalText(text []byte) error {
	*t = NameTemplate(text)
	return t.check()
}

func (t NameTemplate) check() error {
	wrong := strings.ContainsAny(placeholder().ReplaceAllString(string(t), ""), "{}") || t != "" && !placeholder.MatchString(string(t))
	for _, p := range placeholder().FindAllString(string(t), -1) {
		word, changes := split(p)
		wrong = wrong || word != "account" && word != "role" && word != "id"
		for _, change := range changes {
			wrong = wrong || change != "lower" && !strings.HasPrefix(change, "strip:")
		}
	}
	if wrong {
		return hint.New(fmt.Errorf("name template %s can't be understood", tui.Quote(string(t))),
			`write one like "{account|lower}-{role}": it can have {account}, {role} or {id}, and behind the word |lower or |strip:TEXT`)
	}
	return nil
}

// split takes a placeholder apart: {account|lower} is account and lower.
func split(placeholder string) (word string, changes []string) {
	parts := strings.Split(strings.Trim(placeholder, "{}"), "|")
	return parts[0], parts[1:]
}

// name is how what is listed is called, "" where nothing is left that a name can have.
func (t NameTemplate) name(e Listed) string {
	values := map[string]string{
		"account": cmp.Or(e.Called, "account-"+e.AccountID),
		"role":    RoleName(e.Synced.Role),
		"id":      e.AccountID,
	}
	return cleanName(placeholder().ReplaceAllStringFunc(string(t), func(p string) string {
		word, changes := split(p)
		value := values[word]
		for _, change := range changes {
			if text, strip := strings.CutPrefix(change, "strip:"); strip {
				value = strings.TrimPrefix(value, text)
			} else {
				value = strings.ToLower(value)
			}
		}
		return value
	}))
}
