package setup

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// List is `aws-accounts list [FILTER]`: the accounts and the state of their sessions.
type List struct {
	Filter  []string `arg:"" optional:"" name:"filter" help:"Only accounts with each of these words in their name, number or description."`
	Active  bool     `help:"Only accounts with a session that is valid." xor:"state"`
	Expired bool     `help:"Only accounts whose session has expired." xor:"state"`
	Group   bool     `help:"Group the accounts by where their credentials come from."`
	JSON    bool     `name:"json" help:"Write one JSON document."`
}

type listed struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"` // base, role, sso
	AccountID   string     `json:"account_id,omitempty"`
	RoleARN     string     `json:"role_arn,omitempty"`
	RoleName    string     `json:"role_name,omitempty"` // of Identity Center
	Description string     `json:"description,omitempty"`
	Source      string     `json:"source,omitempty"`      // the account that a role is assumed from
	SSOSession  string     `json:"sso_session,omitempty"` // of Identity Center
	Begins      string     `json:"begins,omitempty"`      // where a base account says it begins: profile NAME, keychain, …
	From        string     `json:"from,omitempty"`        // the shared file that has it
	Profile     string     `json:"profile"`
	Session     string     `json:"session"` // active, expired, none, unknown
	Expiration  *time.Time `json:"expiration,omitempty"`

	depth int // how many accounts of the file its credentials come through
}

// Run writes a table, or with --json an array.
func (c *List) Run(r *process.Resolver, stdout io.Writer) error {
	file, err := r.Accounts.File()
	if err != nil {
		return err
	}
	chosen := file.Where(func(a *accounts.Account) bool {
		text := strings.ToLower(strings.Join([]string{a.Name, a.AccountID, a.Description}, "\n"))
		return !slices.ContainsFunc(c.Filter, func(word string) bool { return !strings.Contains(text, strings.ToLower(word)) })
	})
	expirations, trouble := r.States(context.Background(), accounts.NamesOf(chosen))
	now := time.Now()
	all := make([]listed, 0, len(chosen))
	for _, a := range chosen {
		l := describe(file, a)
		expires, has := expirations[a.Name]
		switch {
		case trouble != nil && !has:
			l.Session = "unknown"
		case has && expires.After(now):
			l.Session, l.Expiration = "active", &expires
		case has:
			l.Session, l.Expiration = "expired", &expires
		}
		if c.Active && l.Session != "active" || c.Expired && l.Session != "expired" {
			continue
		}
		all = append(all, l)
	}
	if c.Group {
		group(file, all)
	}
	if c.JSON {
		return tui.JSON(stdout, all, "  ")
	}
	switch {
	case len(file.Accounts) == 0:
		fmt.Fprintf(stdout, "No accounts yet in %s\n", tui.ShowPath(file.Path))
		return nil
	case len(all) == 0 && trouble == nil:
		fmt.Fprintln(stdout, "No such accounts")
		return nil
	}
	if len(all) > 0 {
		table := c.table(all, now)
		if err := table.Write(stdout, tui.ScreenOf(stdout)); err != nil {
			return err
		}
	}
	if trouble != nil {
		return fmt.Errorf("the sessions are not known: %w", trouble)
	}
	return nil
}

// describe is all that the file says of a.
func describe(f *accounts.File, a *accounts.Account) listed {
	l := listed{Name: a.Name, Kind: "base", AccountID: a.AccountID, RoleARN: a.RoleARN, Description: a.Description,
		From: a.From, Profile: a.ProfileName(), Session: "none"}
	if chain := a.Chain(); chain[0].Name != "" {
		l.depth = len(chain) - 1
	}
	switch s := a.SourceAccount(); {
	case s != nil:
		l.Kind, l.Source = "role", s.Name
	case a.SSO != nil:
		l.Kind, l.RoleName, l.SSOSession = "sso", a.SSO.RoleName, a.SSO.Session
	case a.Credentials != nil: // what isn't said begins where the AWS CLI would begin, which goes without saying
		l.Begins = a.Way().String()
	}
	return l
}

// group puts accounts behind what they come from: each base account or SSO session, and below it its roles, those of roles
// below these.
func group(f *accounts.File, all []listed) {
	order := map[string]int{}
	keys := make(map[string][]int, len(all))
	for _, l := range all {
		a, err := f.Find(l.Name)
		if err != nil {
			continue
		}
		var key []int
		for _, link := range a.Chain() {
			names := []string{strings.ToLower(link.Name)}
			if link.SSO != nil {
				names = []string{"sso " + strings.ToLower(link.SSO.Session), names[0]}
			}
			for _, name := range names {
				if _, ok := order[name]; !ok {
					order[name] = len(order)
				}
				key = append(key, order[name])
			}
		}
		keys[l.Name] = key
	}
	slices.SortStableFunc(all, func(x, y listed) int { return slices.Compare(keys[x.Name], keys[y.Name]) })
}

func (c *List) table(all []listed, now time.Time) *tui.Table {
	table := &tui.Table{
		Header: []string{"NAME", "ACCOUNT", "SESSION", "ROLE", "SOURCE", "DESCRIPTION"},
		Shrink: []int{5, 4, 3},
	}
	for _, l := range all {
		session := tui.Cell{Text: "-", Style: tui.Faint}
		switch l.Session {
		case "active":
			left := l.Expiration.Sub(now)
			session = tui.Cell{Text: tui.Left(left), Style: tui.Green}
			if left < soon {
				session.Style = tui.Yellow
			}
		case "expired":
			session = tui.Cell{Text: l.Session, Style: tui.Red}
		case "unknown":
			session.Text = l.Session
		}
		role, source := tui.Cell{Text: accounts.RoleName(l.RoleARN)}, tui.Cell{Text: l.Source}
		switch l.Kind {
		case "sso":
			role.Text, source.Text = l.RoleName, l.SSOSession
		case "base":
			source = tui.Cell{Text: l.Begins, Style: tui.Faint}
		}
		name := l.Name
		if c.Group {
			name = strings.Repeat("  ", l.depth) + name
		}
		table.Rows = append(table.Rows, []tui.Cell{
			{Text: name, Style: tui.Bold}, {Text: l.AccountID}, session, role, source, {Text: l.Description},
		})
	}
	return table
}

// soon is when a session is about to be refreshed.
const soon = 16 * time.Minute
