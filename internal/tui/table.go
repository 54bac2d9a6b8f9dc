package tui

import (
	"io"
	"slices"
	"strings"
)

// Cell is one field of a table.
type Cell struct {
	Text  string
	Style Style
}

// Table has rows below a header, aligned, and cut so that each row stays on one line of the screen. On a screen that is too
// narrow for that, each row's first cell has a line, and the others are below it.
type Table struct {
	Header []string
	Rows   [][]Cell
	// Above is how many of the rows are on the screen already, with the header: the others are aligned with them.
	Above int
	// Shrink names the columns that may be cut, the first of them first. The others are always whole.
	Shrink []int
	// Wrap is the column whose texts go on below rather than being cut; 0 is none.
	Wrap int
}

const (
	gap       = 2
	leastWrap = 24 // cells, of a column that is wrapped
)

// Write writes the table. Columns without any text are left out.
func (t *Table) Write(w io.Writer, screen Screen) error {
	widths := make([]int, len(t.Header))
	for _, row := range t.Rows {
		for i := range row {
			row[i].Text = Harmless(row[i].Text)
			widths[i] = max(widths[i], Width(row[i].Text))
		}
	}
	for i, width := range widths {
		if width > 0 {
			widths[i] = max(width, len(t.Header[i]))
		}
	}
	var b strings.Builder
	write := func(row []Cell) { t.line(&b, row, widths, screen) }
	if !t.fit(widths, screen.Width) {
		write = func(row []Cell) { t.stack(&b, row, screen) }
	} else if t.Above == 0 {
		header := make([]Cell, len(t.Header))
		for i, h := range t.Header {
			header[i] = Cell{h, Faint}
		}
		write(header)
	}
	for _, row := range t.Rows[t.Above:] {
		write(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line writes a row, and below it the rest of the text that is wrapped.
func (t *Table) line(b *strings.Builder, row []Cell, widths []int, screen Screen) {
	pending, wrapped, column := 0, []string(nil), 0
	for i, c := range row {
		if widths[i] == 0 {
			continue
		}
		text := c.Text
		switch {
		case screen.Width <= 0:
		case i == t.Wrap && i > 0:
			lines := Wrap(text, widths[i])
			text, wrapped = Cut(lines[0], widths[i]), lines[1:]
		default:
			text = Cut(text, widths[i])
		}
		if text != "" {
			b.WriteString(strings.Repeat(" ", pending))
			b.WriteString(screen.Paint(c.Style, text))
			pending = 0
		}
		pending += widths[i] - Width(text) + gap
		if i < t.Wrap {
			column += widths[i] + gap
		}
	}
	b.WriteByte('\n')
	for _, text := range wrapped {
		b.WriteString(strings.Repeat(" ", column) + screen.Paint(row[t.Wrap].Style, Cut(text, widths[t.Wrap])) + "\n")
	}
}

// stack writes the first cell of a row, and the others below it, as many on a line as fit.
func (t *Table) stack(b *strings.Builder, row []Cell, screen Screen) {
	room := max(screen.Width-gap, 1)
	b.WriteString(screen.Paint(row[0].Style, row[0].Text))
	left := 0
	put := func(text string, style Style) {
		if width := Width(text); left < gap+width {
			b.WriteString("\n  ")
			left = room - width
		} else {
			b.WriteString("  ")
			left -= gap + width
		}
		b.WriteString(screen.Paint(style, text))
	}
	for i, c := range row[1:] {
		switch {
		case c.Text == "":
		case i+1 == t.Wrap:
			left = 0
			for _, text := range Wrap(c.Text, room) {
				put(text, c.Style)
				left = 0
			}
		case slices.Contains(t.Shrink, i+1):
			put(Cut(c.Text, room), c.Style)
		default:
			put(c.Text, c.Style)
		}
	}
	b.WriteByte('\n')
}

// fit cuts columns until a row is at most width cells wide, and reports whether it is then.
func (t *Table) fit(widths []int, width int) bool {
	if width <= 0 {
		return true
	}
	over := -width - gap
	for _, w := range widths {
		if w > 0 {
			over += w + gap
		}
	}
	for _, i := range t.Shrink {
		if over <= 0 {
			return true
		}
		if widths[i] == 0 {
			continue
		}
		least := len(t.Header[i])
		if i == t.Wrap {
			least = leastWrap
		}
		if cut := widths[i] - least; cut >= over {
			widths[i] -= over
			return true
		}
		if i == t.Wrap {
			return false
		}
		over -= widths[i] + gap // too narrow to be of use
		widths[i] = 0
	}
	return over <= 0
}
