package accounts

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"aws-accounts/internal/tui"
)

// List is `aws-accounts list`: the accounts and the state of their sessions.
type List struct {
	JSON bool `name:"json" help:"Write one JSON document."`
}

// States tells, for those of the accounts that have a session, when it expires. The keychain may be out of reach: then
// the error says why, and the accounts are listed all the same.
type States func(names []string) (map[string]time.Time, error)

type listed struct {
	Name        string     `json:"name"`
	AccountID   string     `json:"account_id,omitempty"`
	RoleARN     string     `json:"role_arn,omitempty"`
	Description string     `json:"description,omitempty"`
	Source      string     `json:"source,omitempty"`
	Profile     string     `json:"profile"`
	Session     string     `json:"session"` // active, expired, none, unknown
	Expiration  *time.Time `json:"expiration,omitempty"`
}

// Run writes a table, or with --json an array.
func (c *List) Run(r *Reader, states States, stdout io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	expirations, trouble := states(file.names())
	now := time.Now()
	all := make([]listed, 0, len(file.Accounts))
	for i := range file.Accounts {
		a := &file.Accounts[i]
		l := listed{Name: a.Name, AccountID: a.AccountID, RoleARN: a.RoleARN, Description: a.Description,
			Profile: file.ProfileName(a), Session: "none"}
		if s := file.SourceOf(a); s != nil {
			l.Source = s.Name
		}
		expires, has := expirations[a.Name]
		switch {
		case trouble != nil:
			l.Session = "unknown"
		case has && expires.After(now):
			l.Session, l.Expiration = "active", &expires
		case has:
			l.Session, l.Expiration = "expired", &expires
		}
		all = append(all, l)
	}
	if c.JSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	if len(all) == 0 {
		fmt.Fprintf(stdout, "No accounts yet in %s\n", showPath(file.Path))
		return nil
	}

	table := tui.Table{
		Header: []string{"NAME", "ACCOUNT", "SESSION", "ROLE", "SOURCE", "DESCRIPTION"},
		Shrink: []int{5, 4, 3, 1},
	}
	for _, l := range all {
		session := tui.Cell{Text: "-", Style: tui.Faint}
		switch l.Session {
		case "active":
			left := l.Expiration.Sub(now)
			session = tui.Cell{Text: Left(left), Style: tui.Green}
			if left < soon {
				session.Style = tui.Yellow
			}
		case "expired", "unknown":
			session.Text = l.Session
		}
		table.Rows = append(table.Rows, []tui.Cell{
			{Text: l.Name, Style: tui.Bold}, {Text: l.AccountID}, session, {Text: RoleName(l.RoleARN)}, {Text: l.Source}, {Text: l.Description},
		})
	}
	if err := table.Write(stdout, tui.ScreenOf(stdout)); err != nil {
		return err
	}
	if trouble != nil {
		return fmt.Errorf("the sessions are not known: %w", trouble)
	}
	return nil
}

// soon is when a session is about to be refreshed.
const soon = 16 * time.Minute

// RoleName is the last part of a role's ARN, which is how people call it.
func RoleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// Left says how much time that is, as people say it: 43m left, 1h05m left, expired.
func Left(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return "under a minute left"
	case d < time.Hour:
		return fmt.Sprintf("%dm left", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm left", int(d.Hours()), int(d.Minutes())%60)
}
