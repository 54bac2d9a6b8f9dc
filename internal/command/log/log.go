// Package log is `aws-accounts log`: it shows the access log, and counts what is in it. It writes nothing.
package log

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Command is `aws-accounts log`: reads the access log.
type Command struct {
	Since   tui.Past `help:"Only entries of the last so long." placeholder:"2h"`
	Account string   `help:"Only entries of this account." placeholder:"NAME"`
	Failed  bool     `help:"Only what went wrong."`
	Follow  bool     `short:"f" help:"Go on with what is logged from now on, until Ctrl-C."`
	JSON    bool     `name:"json" help:"Write the entries as they are, one JSON object a line."`

	shown []process.Entry // the last of them, which those that follow are aligned with
}

// How often --follow looks. People don't see a fifth of a second.
const followEvery = 200 * time.Millisecond

// Run writes the entries that match, oldest first.
func (c *Command) Run(r *accounts.Reader, log *process.AccessLog, stdout io.Writer) error {
	entries, _ := process.ReadLog(log.Path)
	of := func(e process.Entry) bool { return strings.EqualFold(e.Account, c.Account) }
	if file, err := r.File(); err == nil && c.Account != "" && !slices.ContainsFunc(entries, of) { // it may have left the file
		if _, err := file.Find(c.Account); err != nil {
			return err
		}
	}
	return c.run(context.Background(), log, stdout)
}

// run reads the log, and with --follow again whenever it has changed: it is small, since it is rotated.
func (c *Command) run(ctx context.Context, log *process.AccessLog, stdout io.Writer) error {
	read := map[string]bool{}
	var before os.FileInfo
	look := time.NewTicker(followEvery)
	defer look.Stop()
	for {
		info, err := os.Stat(log.Path)
		if before == nil || err == nil && (info.Size() != before.Size() || !info.ModTime().Equal(before.ModTime())) {
			entries, err := process.ReadLog(log.Path)
			if err != nil {
				return hint.New(fmt.Errorf("reading the access log: %w", err), "%s", hint.FileStep(err))
			}
			before = info
			news := slices.DeleteFunc(entries, func(e process.Entry) bool {
				key := fmt.Sprint(e.Time, e.PID, e.Account, e.Outcome)
				old := read[key]
				read[key] = true
				return old || !c.matches(&e, log.Now())
			})
			slices.SortStableFunc(news, func(x, y process.Entry) int { return x.Time.Compare(y.Time) })
			if err := c.write(stdout, news); err != nil {
				return err
			}
			if !c.JSON && !c.Follow && len(news) == 0 {
				_, err := fmt.Fprintln(stdout, "No attempts logged")
				return err
			}
		}
		if !c.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

func (c *Command) matches(e *process.Entry, now time.Time) bool {
	return (c.Since <= 0 || now.Sub(e.Time) <= time.Duration(c.Since)) && (c.Account == "" || strings.EqualFold(c.Account, e.Account)) &&
		(!c.Failed || e.Outcome != process.OutcomeOK)
}

// write writes entries below those shown before, the first of them below a header.
func (c *Command) write(stdout io.Writer, entries []process.Entry) error {
	if c.JSON {
		for _, e := range entries {
			if err := tui.JSON(stdout, e, ""); err != nil {
				return err
			}
		}
		return nil
	}
	if len(entries) == 0 {
		return nil
	}
	table := tui.Table{Header: []string{"TIME", "ACCOUNT", "OUTCOME", "DETAIL", "TOOK", "CALLER"}, Shrink: []int{5, 4, 3}, Wrap: 3, Above: len(c.shown)}
	for _, e := range append(c.shown, entries...) {
		table.Rows = append(table.Rows, row(&e))
	}
	if err := table.Write(stdout, tui.ScreenOf(stdout)); err != nil {
		return err
	}
	c.shown = append(c.shown, entries...)
	c.shown = slices.Clone(c.shown[max(0, len(c.shown)-20):])
	return nil
}

// row says when, which account, what came of it, how long it took, and by whom.
func row(e *process.Entry) []tui.Cell {
	style := map[string]tui.Style{process.OutcomeOK: tui.Green, process.OutcomeRefused: tui.Red, process.OutcomeFailed: tui.Red, process.OutcomeTrouble: tui.Yellow}
	detail := strings.TrimPrefix(e.Error, e.Account+": ") // which stands beside it
	if e.Outcome == process.OutcomeOK && e.Action != "" {
		detail = e.Action
	} else if e.Outcome == process.OutcomeOK {
		detail = accounts.RoleName(e.RoleARN)
		if e.Expiration != nil {
			detail = strings.TrimSpace(detail + " until " + e.Expiration.Local().Format("15:04"))
		}
	}
	took := ""
	if e.DurationMS >= 1000 {
		took = fmt.Sprintf("%d s", (e.DurationMS+500)/1000)
	} else if e.DurationMS > 0 {
		took = fmt.Sprintf("%d ms", e.DurationMS)
	}
	return []tui.Cell{
		{Text: e.Time.Local().Format(time.DateTime), Style: tui.Faint}, {Text: e.Account, Style: tui.Bold},
		{Text: e.Outcome, Style: style[e.Outcome]}, {Text: detail}, {Text: took, Style: tui.Faint}, {Text: e.Caller, Style: tui.Faint},
	}
}
