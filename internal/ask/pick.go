package ask

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sahilm/fuzzy"

	"aws-accounts/internal/tui"
)

// Choice is one of those that Pick shows: what it is called, and what else a person may know it by.
type Choice struct{ Name, ID, Description string }

// Pick has one of the choices chosen at the terminal, by typing parts of what it is called or known by, and returns its
// index. typed is what has been typed already. ErrNobody means that nothing was shown.
func (a *Asker) Pick(ctx context.Context, what, typed string, choices []Choice) (int, error) {
	if os.Getenv("TERM") == "dumb" {
		return 0, fmt.Errorf("%w: this terminal can't show a list (TERM=dumb)", ErrNobody)
	}
	t, done, err := a.terminal(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	p := newPicker(promptFor(what)+": ", choices)
	p.edit([]rune(typed))
	if err := t.pick(ctx, p); err != nil {
		return 0, err
	}
	return p.found[p.at], nil
}

// picker is a list that gets shorter as one types, and what was typed. It knows keys and text, and no terminal.
type picker struct {
	prompt  string
	choices []Choice
	query   []rune
	found   []int  // of the choices, best first
	at      int    // in found
	top     int    // in found: the first that is shown
	shown   int    // how many were shown
	pending []byte // the beginning of a key
	chosen  bool
}

func newPicker(prompt string, choices []Choice) *picker {
	p := &picker{prompt: prompt, choices: slices.Clone(choices)}
	for i := range p.choices {
		c := &p.choices[i]
		c.Name, c.ID, c.Description = tui.Harmless(c.Name), tui.Harmless(c.ID), tui.Harmless(c.Description)
	}
	p.find()
	return p
}

// Keys with a name, as a terminal in raw mode sends them.
const (
	keyEscape = "\x1b"
	keyRubout = "\x7f"
)

// typed takes what was typed; nothing means that a while has gone by. It returns true when one is chosen, and ErrCancelled
// or errSuspended at the keys for that.
func (p *picker) typed(chunk []byte) (bool, error) {
	idle := len(chunk) == 0
	p.pending = append(p.pending, chunk...)
	for len(p.pending) > 0 {
		n := keyLength(p.pending)
		if n == 0 && !idle {
			return false, nil // the rest is on its way
		}
		if n == 0 {
			n = 1 // the Escape key, which is also how the others begin
		}
		key := string(p.pending[:n])
		p.pending = p.pending[n:]
		if err := p.press(key); err != nil || p.chosen {
			return p.chosen, err
		}
	}
	return false, nil
}

// patience is how long to wait for typing: what comes behind Escape comes at once, and now and then one should see whether
// the terminal has another size.
func (p *picker) patience() time.Duration {
	if len(p.pending) > 0 {
		return 50 * time.Millisecond
	}
	return 250 * time.Millisecond
}

// keyLength is how many bytes belong to the first key, 0 if some may be missing. Keys without a character send Escape and
// [ or O and then some (ECMA-48, 5.4), and others behind Alt.
func keyLength(typed []byte) int {
	switch {
	case string(typed[:1]) != keyEscape:
		if !utf8.FullRune(typed) {
			return 0
		}
		_, n := utf8.DecodeRune(typed)
		return n
	case len(typed) == 1:
		return 0
	case string(typed[1:2]) == keyEscape:
		return 1
	case typed[1] == '[':
		for i, c := range typed[2:] {
			if c < ' ' || c > '?' {
				return 2 + i + 1
			}
		}
		return 0
	case typed[1] == 'O':
		return min(3, len(typed)) // and Alt-O, which is no key of ours either
	}
	return 2
}

func (p *picker) press(key string) error {
	switch key {
	case "\r", "\n":
		p.chosen = len(p.found) > 0
	case keyEscape, "\x03", "\x07", "\x1c": // Ctrl-C, Ctrl-G, Ctrl-\
		return ErrCancelled
	case "\x04": // Ctrl-D ends an empty line
		if len(p.query) == 0 {
			return ErrCancelled
		}
	case "\x1a": // Ctrl-Z
		return errSuspended
	case "\x1b[A", "\x1bOA", "\x10", "\x1b[Z": // up, Ctrl-P, Shift-Tab
		p.move(-1)
	case "\x1b[B", "\x1bOB", "\x0e", "\t": // down, Ctrl-N, Tab
		p.move(1)
	case "\x1b[5~": // page up
		p.move(-p.shown)
	case "\x1b[6~": // page down
		p.move(p.shown)
	case keyRubout, "\b":
		p.edit(p.query[:max(0, len(p.query)-1)])
	case "\x15": // Ctrl-U
		p.edit(nil)
	case "\x17", "\x1b\x7f": // Ctrl-W, Alt-Backspace
		rest := strings.TrimRight(string(p.query), " ")
		p.edit([]rune(rest[:strings.LastIndexByte(rest, ' ')+1]))
	default:
		if r := []rune(key); len(r) == 1 && unicode.IsPrint(r[0]) && r[0] != unicode.ReplacementChar {
			p.edit(append(p.query, r...))
		}
	}
	return nil
}

func (p *picker) move(by int) { p.at = max(0, min(p.at+by, len(p.found)-1)) }

// The longest line that is of use.
const longestQuery = 100

func (p *picker) edit(query []rune) {
	p.query = query[:min(len(query), longestQuery)]
	p.find()
}

// find looks for the choices that each word of the query fits, in one of their three texts. The better it fits, the further
// up; otherwise they stay in order.
func (p *picker) find() {
	score := make([]int, len(p.choices))
	p.found, p.at, p.top = make([]int, len(p.choices)), 0, 0
	for i := range p.found {
		p.found[i] = i
	}
	for word := range strings.FieldsSeq(string(p.query)) {
		p.found = p.fitting(word, score)
	}
	if len(p.query) > 0 {
		slices.SortStableFunc(p.found, func(a, b int) int { return score[b] - score[a] })
	}
}

// fitting are those of found that the word fits. Their scores grow by how well.
func (p *picker) fitting(word string, score []int) []int {
	const texts = 3
	all := make([]string, 0, texts*len(p.found))
	for _, i := range p.found {
		c := &p.choices[i]
		all = append(all, c.Name, c.ID, c.Description)
	}
	var fitting []int
	best := 0
	for _, match := range fuzzy.FindNoSort(word, all) {
		i := p.found[match.Index/texts]
		if n := len(fitting); n == 0 || fitting[n-1] != i {
			fitting = append(fitting, i)
			best = match.Score
			score[i] += best
		} else if match.Score > best {
			score[i] += match.Score - best
			best = match.Score
		}
	}
	return fitting
}

// The most that is shown at once: the rest of the screen is what the person was at.
const mostShown = 10

// view is what the terminal shows from the cursor's line on, ending where one types. Nothing of it is as wide as the screen,
// so that no line wraps; the cursor stays in the first line, so that a redrawing ends up in the same place also on a
// terminal that has become narrower meanwhile, and has broken lines itself.
func (p *picker) view(screen tui.Screen) string {
	if screen.Width <= 0 || screen.Height <= 0 { // nobody has told the terminal
		screen.Width, screen.Height = 80, 24
	}
	width := max(screen.Width-1, len(marker)+1)
	p.shown = max(1, min(mostShown, screen.Height-2))
	p.top = max(min(p.top, p.at), p.at-p.shown+1)

	var b strings.Builder
	rows := p.found[p.top:min(len(p.found), p.top+p.shown)]
	first, column := p.line(width)
	b.WriteString("\r" + first + "\x1b[K")
	widths := p.columns(rows, width)
	for i, choice := range rows {
		b.WriteString("\n" + p.row(&p.choices[choice], p.top+i == p.at, widths, width, screen) + "\x1b[K")
	}
	count := fmt.Sprintf("  %d of %d", len(p.found), len(p.choices))
	if keys := "  (Enter chooses, Esc leaves)"; len(count)+len(keys) <= width {
		count += keys
	}
	b.WriteString("\n" + screen.Paint(tui.Faint, tui.Cut(count, width)) + "\x1b[J")
	fmt.Fprintf(&b, "\x1b[%dA\r\x1b[%dC", len(rows)+1, column)
	return b.String()
}

// line is the first one, with as much of the query's end as fits, and the column to type at.
func (p *picker) line(width int) (line string, column int) {
	prompt := p.prompt
	if len(prompt) > width/2 {
		prompt = "> "
	}
	query := p.query
	for len(query) > 0 && tui.Width(prompt+string(query)) > width {
		query = query[1:]
	}
	line = prompt + string(query)
	return line, tui.Width(line)
}

// columns are how wide names and IDs are: as wide as the widest of the rows, while they fit beside each other.
func (p *picker) columns(rows []int, width int) (widths [2]int) {
	for _, i := range rows {
		widths[0] = max(widths[0], tui.Width(p.choices[i].Name))
		widths[1] = max(widths[1], tui.Width(p.choices[i].ID))
	}
	widths[0] = min(widths[0], width-len(marker))
	return widths
}

const marker = "> "

func (p *picker) row(c *Choice, at bool, widths [2]int, width int, screen tui.Screen) string {
	left := width - len(marker) - widths[0]
	mark, style := "  ", tui.Plain
	if at {
		mark, style = marker, tui.Bold
	}
	name := tui.Cut(c.Name, widths[0])
	row := screen.Paint(style, mark+name) + strings.Repeat(" ", widths[0]-tui.Width(name))
	if left < widths[1]+2 {
		return row
	}
	row += "  " + c.ID + strings.Repeat(" ", widths[1]-tui.Width(c.ID))
	if left -= widths[1] + 2; c.Description == "" || left < 10 {
		return row
	}
	return row + "  " + screen.Paint(tui.Faint, tui.Cut(c.Description, left-2))
}

// farewell is what is left of it: what was chosen, as behind any other question.
func (p *picker) farewell() string {
	if !p.chosen {
		return "\r\x1b[J"
	}
	return "\r\x1b[J" + p.prompt + p.choices[p.found[p.at]].Name + "\n"
}
