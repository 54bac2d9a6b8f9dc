package process

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aws-accounts/internal/tui"
)

// accountStats sums up the attempts of one account.
type accountStats struct {
	Account  string    `json:"account"`
	Calls    int       `json:"calls"`
	Failures int       `json:"failures"`
	MedianMS int64     `json:"median_ms"` // of the calls that succeeded
	TotalMS  int64     `json:"total_ms"`
	Last     time.Time `json:"last"`

	took []int64
}

// stats sums up by account, busiest first. Trouble with the keychain is no attempt, nor is the rotation of a key.
func stats(entries []Entry) []*accountStats {
	byName := map[string]*accountStats{}
	var all []*accountStats
	for _, e := range entries {
		if e.Outcome == OutcomeTrouble || e.Action != "" {
			continue
		}
		s := byName[strings.ToLower(e.Account)]
		if s == nil {
			s = &accountStats{Account: e.Account}
			byName[strings.ToLower(e.Account)] = s
			all = append(all, s)
		}
		s.Calls++
		s.TotalMS += e.DurationMS
		s.Last = e.Time
		if e.Outcome == OutcomeOK {
			s.took = append(s.took, e.DurationMS)
		} else {
			s.Failures++
		}
	}
	for _, s := range all {
		if n := len(s.took); n > 0 {
			slices.Sort(s.took)
			s.MedianMS = (s.took[(n-1)/2] + s.took[n/2]) / 2
		}
	}
	slices.SortStableFunc(all, func(a, b *accountStats) int { return b.Calls - a.Calls })
	return all
}

func (c *LogCommand) writeStats(stdout io.Writer, entries []Entry) error {
	all := stats(entries)
	if c.JSON {
		for _, s := range all {
			if err := tui.JSON(stdout, s, ""); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(stdout, "No attempts logged")
		return err
	}
	table := tui.Table{Header: []string{"ACCOUNT", "CALLS", "FAILED", "MEDIAN", "TOTAL", "LAST"}, Shrink: []int{5, 4}}
	for _, s := range all {
		failed := tui.Cell{Text: "-", Style: tui.Faint}
		if s.Failures > 0 {
			failed = tui.Cell{Text: fmt.Sprint(s.Failures), Style: tui.Red}
		}
		median := "-"
		if len(s.took) > 0 {
			median = milliseconds(s.MedianMS)
		}
		table.Rows = append(table.Rows, []tui.Cell{
			{Text: s.Account, Style: tui.Bold}, {Text: fmt.Sprint(s.Calls)}, failed, {Text: median}, {Text: milliseconds(s.TotalMS)},
			{Text: s.Last.Local().Format(time.DateTime), Style: tui.Faint},
		})
	}
	return table.Write(stdout, tui.ScreenOf(stdout))
}

// milliseconds is a length of time with as many digits as matter.
func milliseconds(ms int64) string {
	if ms < 10_000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}
