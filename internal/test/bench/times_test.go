package bench

import (
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
	limit float64       // the largest ratio, size in MiB, or where it is compared with nothing time in ms that is good enough; 0 is any
}

// compared is what the limit is for.
func (r row) compared() float64 {
	switch {
	case r.size > 0:
		return mebibytes(r.size)
	case r.base > 0:
		return float64(r.times.median()) / float64(r.base)
	}
	return float64(r.times.median()) / 1e6
}

func (r row) verdict() string {
	switch {
	case r.limit == 0:
		return ""
	case r.compared() > r.limit:
		return fmt.Sprintf("%g MISSED", r.limit)
	}
	return fmt.Sprintf("%g kept", r.limit)
}

// writeTable writes Markdown that is also good to read as it is.
func writeTable(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	line := func(cells ...any) { fmt.Fprintf(table, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", cells...) }
	line("", "median", "least", "ratio", "at most")
	line("---", "---", "---", "---", "---")
	for _, r := range rows {
		median, least, ratio := milliseconds(r.times.median()), milliseconds(r.times.least()), ""
		switch {
		case r.size > 0:
			median, least = fmt.Sprintf("%.1f MiB", mebibytes(r.size)), ""
		case r.base > 0:
			ratio = fmt.Sprintf("%.2f × %s", r.compared(), r.over)
		}
		line(r.name, median, least, ratio, r.verdict())
	}
	return table.Flush()
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func mebibytes(size int64) float64 { return float64(size) / (1 << 20) }
