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
	if file, err := r.File(); err == nil && c.Account != "" && !knows(log, c.Account) {
		if _, err := file.Find(c.Account); err != nil {
			return err
		}
	}
	return c.run(context.Background(), log, stdout)
}

// knows reports whether an account of that name has entries: it may have left the accounts file.
func knows(l *process.AccessLog, account string) bool {
	entries, _ := process.ReadLog(l.Path)
	return slices.ContainsFunc(entries, func(e process.Entry) bool { return strings.EqualFold(e.Account, account) })
}

func (c *Command) run(ctx context.Context, log *process.AccessLog, stdout io.Writer) error {
	entries, err := process.ReadLog(log.Path)
	if err != nil {
		return fmt.Errorf("reading the access log: %w", err)
	}
	seen := len(entries)
	now := log.Now()
	entries = slices.DeleteFunc(entries, func(e process.Entry) bool { return !c.matches(&e, now) })
	switch {
	case c.JSON || len(entries) > 0:
		err = c.write(stdout, entries)
	case !c.Follow:
		_, err = fmt.Fprintln(stdout, "No attempts logged")
	}
	if err != nil || !c.Follow {
		return err
	}
	return c.follow(ctx, log, stdout, seen)
}

func (c *Command) matches(e *process.Entry, now time.Time) bool {
	return (c.Since <= 0 || now.Sub(e.Time) <= time.Duration(c.Since)) && (c.Account == "" || strings.EqualFold(c.Account, e.Account)) &&
		(!c.Failed || e.Outcome != process.OutcomeOK)
}

// follow writes what comes behind the first seen entries. The log is small, since it's rotated, so it is read anew when it
// has grown; once it has been rotated it holds fewer entries than before, and those behind the last one shown are new.
func (c *Command) follow(ctx context.Context, log *process.AccessLog, stdout io.Writer, seen int) error {
	var size int64 = -1
	var changed, last time.Time
	if entries, err := process.ReadLog(log.Path); err == nil && seen > 0 && seen <= len(entries) {
		last = entries[seen-1].Time
	}
	look := time.NewTicker(followEvery)
	defer look.Stop()
	for {
		if info, err := os.Stat(log.Path); err == nil && (info.Size() != size || !info.ModTime().Equal(changed)) {
			size, changed = info.Size(), info.ModTime()
			entries, err := process.ReadLog(log.Path)
			if err != nil {
				return fmt.Errorf("reading the access log: %w", err)
			}
			if len(entries) < seen { // the older part has been dropped
				seen = slices.IndexFunc(entries, func(e process.Entry) bool { return e.Time.After(last) })
				if seen < 0 {
					seen = len(entries)
				}
			}
			news := entries[seen:]
			if seen = len(entries); len(news) > 0 {
				last = news[len(news)-1].Time
			}
			news = slices.DeleteFunc(slices.Clone(news), func(e process.Entry) bool { return !c.matches(&e, log.Now()) })
			if err := c.write(stdout, news); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
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
	if e.DurationMS > 0 {
		took = fmt.Sprintf("%d ms", e.DurationMS)
	}
	return []tui.Cell{
		{Text: e.Time.Local().Format(time.DateTime), Style: tui.Faint}, {Text: e.Account, Style: tui.Bold},
		{Text: e.Outcome, Style: style[e.Outcome]}, {Text: detail}, {Text: took, Style: tui.Faint}, {Text: e.Caller, Style: tui.Faint},
	}
}
