// Package bench measures what a call of aws-accounts costs, beside the least that any program has to pay for the same.
//
// Times differ from machine to machine and from minute to minute. What is compared is therefore measured in turns (A B C, A
// B C, …) in one run, and the ratios of the medians are what counts.
package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// times are those of one subject, a round each.
type times []time.Duration

func (t times) median() time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (t times) least() time.Duration {
	if len(t) == 0 {
		return 0
	}
	return slices.Min(t)
}

// row is one line of the table: a time, or a size in bytes.
type row struct {
	name  string
	times times
	size  int64
	over  string        // what it is compared with, "" for nothing
	base  time.Duration // and how long that took
	limit float64       // the largest ratio, or size in MiB, that is good enough; 0 is any
}

func (r row) ratio() float64 {
	if r.base == 0 {
		return 0
	}
	return float64(r.times.median()) / float64(r.base)
}

// verdict compares with the limit.
func (r row) verdict() string {
	have := cmp.Or(r.ratio(), mebibytes(r.size))
	switch {
	case r.limit == 0:
		return ""
	case have > r.limit:
		return fmt.Sprintf("%.1f  MISSED", r.limit)
	}
	return fmt.Sprintf("%.1f  kept", r.limit)
}

func writeTable(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tmedian\tleast\tratio\tat most")
	for _, r := range rows {
		if r.size > 0 {
			fmt.Fprintf(table, "%s\t%.1f MiB\t\t\t%s\n", r.name, mebibytes(r.size), r.verdict())
			continue
		}
		ratio := ""
		if r.base > 0 {
			ratio = fmt.Sprintf("%.2f × %s", r.ratio(), r.over)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.name, milliseconds(r.times.median()), milliseconds(r.times.least()), ratio, r.verdict())
	}
	return table.Flush()
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func mebibytes(size int64) float64 { return float64(size) / (1 << 20) }
