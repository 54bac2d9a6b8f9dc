package role

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Show is `aws-accounts role show NAME`.
type Show struct {
	Name string `arg:"" help:"The account, by its name in the accounts file."`
	Shape
	Bootstrap
	JSON bool `name:"json" help:"Write one JSON document."`
}

// shownRole is a stable contract with whoever reads --json.
type shownRole struct {
	Account     string            `json:"account"`
	ARN         string            `json:"role_arn"`
	Created     time.Time         `json:"created"`
	Managed     bool              `json:"managed"` // by role create
	MaxSession  int               `json:"max_session_seconds"`
	Policies    []string          `json:"policies"`
	Inline      []string          `json:"inline_policies"`
	Tags        map[string]string `json:"tags"`
	Trust       json.RawMessage   `json:"trust_policy"`
	Matches     bool              `json:"matches"`
	Differences []string          `json:"differences"`
}

// Run shows the role, and whether it is as the accounts file and the flags have it.
func (c *Show) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	ctx, cancel := context.WithTimeout(context.Background(), roleTimeout)
	defer cancel()
	w, err := newRoleWork(r, stderr.Writer)
	if err != nil {
		return err
	}
	a, err := w.file.Find(c.Name)
	if err != nil {
		return err
	}
	if a.RoleARN == "" {
		return noRole(a)
	}
	targets, err := w.targets(ctx, []*accounts.Account{a}, &c.Bootstrap)
	if err != nil {
		return err
	}
	t := targets[0]
	if t.want, err = w.want(ctx, &c.Shape, a); err != nil {
		return err
	}
	if err := w.look(ctx, t); err != nil {
		return err
	}
	if t.have == nil {
		return hint.New(fmt.Errorf("%s: there is no role %s in account %s", t.Name, role.Name(t.RoleARN), t.AccountID), "`aws-accounts role create %s` makes it", t.Name)
	}
	changes := role.Compare(t.want, t.have)
	shown := shownRole{
		Account: t.Name, ARN: t.have.ARN, Created: t.have.Created.UTC(), Managed: t.have.Ours(), MaxSession: int(t.have.MaxSession.Seconds()),
		Policies: orNone(t.have.Attached), Inline: orNone(t.have.Inline), Tags: t.have.Tags, Trust: json.RawMessage(t.have.Trust),
		Differences: orNone(changes.Differences()),
	}
	shown.Matches = len(shown.Differences) == 0
	if !json.Valid(shown.Trust) {
		return fmt.Errorf("%s: AWS answered with a trust policy that can't be read", t.Name)
	}
	if c.JSON {
		return tui.JSON(stdout, shown, "  ")
	}
	return shown.write(stdout)
}

func orNone(list []string) []string { return append([]string{}, list...) }

func (s *shownRole) write(stdout io.Writer) error {
	managed := "not by role create"
	if s.Managed {
		managed = "by role create"
	}
	screen := tui.ScreenOf(stdout)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(stdout, "%s%s\n", screen.Paint(tui.Faint, fmt.Sprintf("%-10s", name)), tui.Harmless(text))
		}
	}
	row("Role", s.ARN)
	row("Made", s.Created.Local().Format(time.DateOnly)+", "+managed)
	row("Sessions", "up to "+accounts.Duration(time.Duration(s.MaxSession)*time.Second).String())
	row("Policies", role.Names(s.Policies))
	row("Inline", strings.Join(s.Inline, ", "))
	row("Tags", (&role.Have{Tags: s.Tags}).TagWords())
	if s.Matches {
		row("Matches", "yes")
	}
	for i, d := range s.Differences {
		row(map[bool]string{true: "Differs"}[i == 0], d)
	}
	fmt.Fprintln(stdout)
	return tui.JSON(stdout, s.Trust, "  ")
}
