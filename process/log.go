package process

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/tui"
)

// LogCommand is `aws-accounts log`: reads the access log.
type LogCommand struct {
	JSON    bool          `name:"json" help:"Write the entries as they are, one JSON object a line."`
	Since   time.Duration `help:"Only entries of the last so long." placeholder:"2h"`
	Account string        `help:"Only entries of this account." placeholder:"NAME"`
}

// Run writes the entries that match, oldest first.
func (c *LogCommand) Run(log *AccessLog, stdout io.Writer) error {
	entries, err := ReadLog(log.Path)
	if err != nil {
		return fmt.Errorf("reading the access log: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool {
		return c.Since > 0 && log.Now().Sub(e.Time) > c.Since || c.Account != "" && !strings.EqualFold(c.Account, e.Account)
	})
	if c.JSON {
		encode := json.NewEncoder(stdout)
		for _, e := range entries {
			if err := encode.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	if len(entries) == 0 {
		fmt.Fprintln(stdout, "No attempts logged")
		return nil
	}
	table := tui.Table{Header: []string{"TIME", "ACCOUNT", "OUTCOME", "DETAIL", "TOOK", "CALLER"}, Shrink: []int{5, 4, 3}}
	for _, e := range entries {
		table.Rows = append(table.Rows, e.row())
	}
	return table.Write(stdout, tui.ScreenOf(stdout))
}

// row says when, which account, what came of it, how long it took, and by whom.
func (e *Entry) row() []tui.Cell {
	style := map[string]tui.Style{OutcomeOK: tui.Green, OutcomeRefused: tui.Red, OutcomeFailed: tui.Red, OutcomeTrouble: tui.Yellow}
	detail := e.Error
	if e.Outcome == OutcomeOK {
		detail = accounts.RoleName(e.RoleARN)
		if e.Expiration != nil {
			detail = strings.TrimSpace(detail + " until " + e.Expiration.Local().Format("15:04"))
		}
	}
	took := ""
	if e.DurationMS > 0 {
		took = fmt.Sprintf("%d ms", e.DurationMS)
	}
	return []tui.Cell{
		{Text: e.Time.Local().Format(time.DateTime), Style: tui.Faint}, {Text: e.Account, Style: tui.Bold},
		{Text: e.Outcome, Style: style[e.Outcome]}, {Text: detail}, {Text: took, Style: tui.Faint}, {Text: e.Caller, Style: tui.Faint},
	}
}
