package awsfiles

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"aws-accounts/internal/pattern"
)

// Stanza is what the config file should hold for one account.
type Stanza struct {
	Profile string // `default` is written as [default], others as [profile NAME]
	Command string // the value of credential_process, from [Command]; it names the account
	Region  string // "" leaves what is there
}

// Action is what an edit did about a stanza.
type Action string

const (
	Added     Action = "added"
	Updated   Action = "updated"
	Removed   Action = "removed"
	Unchanged Action = "unchanged"
)

// Change is one stanza of ours in a [Report].
type Change struct {
	Profile string
	Account string
	Line    int // of the header in the old file, 0 where it's new
	Action  Action
}

// Conflict is a profile that was left as it is.
type Conflict struct {
	Profile string
	Line    int    // in the old file
	Key     string // the setting that decides where its credentials come from now, "" where there is none
	Reason  string
}

// Report is what an edit did and what it left: the changes in order of want, then those of the file; conflicts too.
type Report struct {
	Changes   []Change
	Conflicts []Conflict
}

func (r Report) changed() bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Action != Unchanged })
}

// EditConfig makes the config file hold the stanzas wanted, and removes those of ours for which remove, which may be
// nil, is true and that are not wanted.
//
// In a stanza that is there already only credential_process and region change; settings, nested blocks and comments
// that a user put into it stay, and so do indentation and spacing. A comment behind one of the two values moves to a
// line of its own, as botocore takes it for a part of the value. New stanzas come behind the last of ours, else at the
// end, in the order wanted, each after a blank line, with the line ending that the file has there. Of several equal
// stanzas of ours, which botocore refuses the file for, one stays.
//
// A profile of somebody else's is never touched: it's in the report, with the line and what it is.
// An error means that a name, a region or a command could not be written so that it's read back as it is, or that the
// file is no text; then nothing is returned.
func EditConfig(old []byte, want []Stanza, remove func(profile, account string) bool) ([]byte, Report, error) {
	wanted := make(map[string]bool, len(want))
	for _, w := range want {
		if err := w.check(); err != nil {
			return nil, Report{}, err
		}
		if wanted[w.Profile] {
			return nil, Report{}, fmt.Errorf("profile %s is wanted twice", w.Profile)
		}
		wanted[w.Profile] = true
	}
	d, err := parse(old, Config)
	if err != nil {
		return nil, Report{}, err
	}
	e := &editor{document: d, drop: make([]bool, len(d.lines)), put: map[int]string{}, after: map[int]string{}}
	byProfile := map[string][]*Section{}
	for _, s := range d.sections {
		for i, name := range []string{s.goProfile, s.botoPr} {
			if name != "" && (i == 0 || name != s.goProfile) {
				byProfile[name] = append(byProfile[name], s)
			}
		}
	}

	var added []Stanza
	for _, w := range want {
		if sections := byProfile[w.Profile]; len(sections) > 0 {
			e.update(w, sections)
		} else {
			added = append(added, w)
			e.report.Changes = append(e.report.Changes, Change{w.Profile, w.Account(), 0, Added})
		}
	}
	anchor := -1 // the line after which new stanzas go
	for _, s := range d.sections {
		account, ours := stanzaOf(s)
		if !ours {
			continue
		}
		name := s.profile(Both)
		if name != "" && !wanted[name] && remove != nil && remove(name, account) {
			if reason := e.odd(s); reason != "" {
				e.conflict(name, s, keyProcess, reason)
			} else {
				e.cut(s)
				e.report.Changes = append(e.report.Changes, Change{name, account, s.Line, Removed})
			}
		}
		if !e.drop[s.Line-1] && e.odd(s) == "" {
			anchor = e.body(s)
		}
	}
	e.add(added, anchor)
	if !e.report.changed() {
		return old, e.report, nil
	}
	return e.bytes(), e.report, nil
}

var (
	profileName = pattern.New(`^[A-Za-z0-9_][A-Za-z0-9._@+/:=,~-]{0,127}$`)
	regionName  = pattern.New(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
)

// check refuses what couldn't be read back: nothing that is written may end a line, a header or a value early.
func (w Stanza) check() error {
	if !profileName.MatchString(w.Profile) {
		return fmt.Errorf("%q can't be the name of a profile: letters, digits and . _ @ + - are safe", w.Profile)
	}
	if w.Region != "" && !regionName.MatchString(w.Region) {
		return fmt.Errorf("profile %s: %q is not a region", w.Profile, w.Region)
	}
	if strings.ContainsFunc(w.Command, unsayable) {
		return fmt.Errorf("profile %s: the command has a control character", w.Profile)
	}
	d, err := parse([]byte(w.text("\n")), Config)
	if err != nil || len(d.sections) != 1 || len(d.problems) != 0 || !w.readsBack(d.sections[0]) {
		return fmt.Errorf("profile %s: the command would not be read back as it is", w.Profile)
	}
	if w.Account() == "" {
		return fmt.Errorf("profile %s: the command is not `%s process NAME`, so it would not be known again", w.Profile, binaryName)
	}
	return nil
}

// Account is the account that the command is for, "" if it isn't known as one of ours.
func (w Stanza) Account() string {
	a, _ := accountOf(w.Command)
	return a
}

func (w Stanza) text(eol string) string {
	header := "[profile " + w.Profile + "]"
	if w.Profile == "default" {
		header = "[default]"
	}
	t := header + eol + keyProcess + " = " + w.Command + eol
	if w.Region != "" {
		t += keyRegion + " = " + w.Region + eol
	}
	return t
}

// readsBack: both readers find exactly what is wanted, once.
func (w Stanza) readsBack(s *Section) bool {
	only := func(key, value string) bool {
		n := 0
		for _, st := range s.Settings {
			if st.Key == key {
				if n++; st.By != Both || st.Nested || st.Value != value {
					return false
				}
			}
		}
		return n == 1
	}
	return s.goProfile == w.Profile && s.botoPr == w.Profile && only(keyProcess, w.Command) &&
		(w.Region == "" || only(keyRegion, w.Region))
}

type editor struct {
	*document
	report Report
	drop   []bool         // lines that go
	put    map[int]string // lines that are replaced, line ending and all
	after  map[int]string // what comes behind a line
}

func (e *editor) conflict(profile string, s *Section, key, reason string) {
	e.report.Conflicts = append(e.report.Conflicts, Conflict{profile, s.Line, key, reason})
}

// update brings the sections of a profile that exists to what is wanted, or reports why it can't.
func (e *editor) update(w Stanza, sections []*Section) {
	for _, s := range sections {
		if _, ours := stanzaOf(s); !ours {
			key, reason := e.decides(s), "the profile is there already and isn't ours"
			if len(sections) > 1 {
				reason = "the profile is there more than once, and not each is ours"
			}
			e.conflict(w.Profile, s, key, reason)
			return
		}
	}
	for _, s := range sections {
		if reason := e.odd(s); reason != "" {
			e.conflict(w.Profile, s, keyProcess, reason)
			return
		}
	}
	first := sections[0]
	for _, s := range sections[1:] {
		if e.hasMore(s) {
			e.conflict(w.Profile, s, keyProcess, fmt.Sprintf("the profile is there twice, first in line %d, and each holds more than ours", first.Line))
			return
		}
	}
	action := Unchanged
	for _, s := range sections[1:] {
		e.cut(s)
		action = Updated
	}
	if !w.readsBack(first) {
		e.rewrite(w, first)
		action = Updated
	}
	e.report.Changes = append(e.report.Changes, Change{w.Profile, w.Account(), first.Line, action})
}

// decides is the setting that says where the credentials of somebody else's section come from.
func (e *editor) decides(s *Section) string {
	for _, sh := range shadows {
		if has(s, sh.key) {
			return sh.key
		}
	}
	for _, k := range []string{keyNames[0], keyProcess} {
		if has(s, k) {
			return k
		}
	}
	return ""
}

// odd is why a section of ours can't be edited safely, "" if it can: the readers must agree where it begins, and which
// of its lines are the ones to change.
func (e *editor) odd(s *Section) string {
	switch {
	case s.goProfile != s.botoPr:
		return "the AWS tools disagree what profile the header names: write it as [profile NAME]"
	case !e.nextIsPlain(s):
		return fmt.Sprintf("line %d is a header to some AWS tools only, so that they disagree where this section ends", s.last+2)
	}
	for i := s.Line - 1; i <= s.last; i++ {
		if e.nonsense[i] {
			return fmt.Sprintf("line %d is neither a section nor a setting", i+1)
		}
		if strings.Contains(strings.TrimRight(e.text(i), "\r"), "\r") {
			return "a carriage return in the middle of a line"
		}
	}
	for _, key := range []string{keyProcess, keyRegion} {
		for _, st := range s.Settings {
			if st.Key != key {
				continue
			}
			i := st.Line - 1
			if i > s.last || keyOf(e.text(i)) != key {
				return fmt.Sprintf("line %d is indented, so that the AWS tools read it differently", st.Line)
			}
			if by := s.seenBy(st); by != Both {
				return fmt.Sprintf("line %d is indented, so that only the %s reads it as %s", st.Line, by, key)
			}
			if _, err := e.span(s, i, nil); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

// seenBy are the readers to whom the line of st is a setting of its key, whatever the value.
func (s *Section) seenBy(st Setting) (by Reader) {
	for _, o := range s.Settings {
		if o.Line == st.Line && o.Key == st.Key {
			by |= o.By
		}
	}
	return by
}

// hasMore: the section holds anything but our two keys and blank lines.
func (e *editor) hasMore(s *Section) bool {
	for i := s.Line; i <= e.body(s); i++ {
		if k := keyOf(e.text(i)); !e.blank(i) && (k != keyProcess && k != keyRegion || e.comment(i)) {
			return true
		}
	}
	return false
}

// body is the last line that belongs to the stanza for a person: its last setting, and comments right below that, but
// not those that stand right above the next header, nor blank lines.
func (e *editor) body(s *Section) int {
	end := s.Line - 1
	for i := s.Line; i <= s.last; i++ {
		if !e.blank(i) && !e.comment(i) {
			end = i
		}
	}
	tail := end
	for tail < s.last && e.comment(tail+1) {
		tail++
	}
	if tail < s.last || tail == len(e.lines)-1 {
		return tail
	}
	return end
}

// cut removes a stanza with what a user put into it: without its credential_process the profile would silently fall
// back to whatever credentials the machine has. The blank line before it goes too, else one behind it.
func (e *editor) cut(s *Section) {
	from, to := s.Line-1, e.body(s)
	switch {
	case from > 0 && e.blank(from-1) && !e.drop[from-1]:
		from--
	case to+1 < len(e.lines) && e.blank(to+1):
		to++
	}
	for i := from; i <= to; i++ {
		e.drop[i] = true
	}
}

func (e *editor) rewrite(w Stanza, s *Section) {
	last := e.set(s, keyProcess, w.Command)
	if w.Region == "" || e.set(s, keyRegion, w.Region) >= 0 {
		return
	}
	at := e.lines[last]
	t := e.text(last)
	e.after[last] = t[:len(t)-len(strings.TrimLeftFunc(t, isSpace))] + keyRegion + " = " + w.Region + e.eolAt(last)
	if at.end == at.next { // the last line of a file without a final newline stays one
		e.after[last] = e.eolAt(last) + strings.TrimSuffix(e.after[last], e.eolAt(last))
	}
}

// set gives a key its value where the section has it, and drops further lines of the same key. It returns the line
// that now holds it, -1 if none does.
func (e *editor) set(s *Section, key, value string) int {
	at := -1
	for _, st := range s.Settings {
		i := st.Line - 1
		if st.Key != key || i == at {
			continue
		}
		end, _ := e.span(s, i, nil) // odd has seen that it's no error
		for j := i + 1; j <= end; j++ {
			e.drop[j] = e.drop[j] || !e.blank(j) && !e.comment(j)
		}
		if at >= 0 {
			e.drop[i] = true
			continue
		}
		at = i
		e.put[i] = e.withValue(i, value)
	}
	return at
}

// withValue is line i with another value: key, indentation and spacing stay as they are.
func (e *editor) withValue(i int, value string) string {
	t := e.text(i)
	v := strings.IndexAny(t, "=:") + 1
	v += len(t[v:]) - len(strings.TrimLeft(t[v:], " \t"))
	head, rest := t[:v], t[v:]
	if rest == "" {
		head = strings.TrimRight(head, " \t") + " "
	}
	comment := strings.TrimLeft(rest[len(goTrimComment(rest)):], " \t")
	if rest != "" && (rest[0] == '#' || rest[0] == ';') {
		comment = rest
	}
	if comment != "" {
		comment = t[:len(t)-len(strings.TrimLeftFunc(t, isSpace))] + strings.TrimRight(comment, " \t") + e.eolAt(i)
	}
	return comment + head + value + e.eol(i)
}

// eolAt is the line ending to use at a line: its own, else that of the line before, else "\n".
func (e *editor) eolAt(i int) string {
	for ; i >= 0; i-- {
		if eol := e.eol(i); eol != "" {
			return eol
		}
	}
	return "\n"
}

func (e *editor) add(stanzas []Stanza, anchor int) {
	if len(stanzas) == 0 {
		return
	}
	if anchor < 0 {
		anchor = len(e.lines) - 1
	}
	eol := e.eolAt(anchor)
	var b strings.Builder
	for i, w := range stanzas {
		if anchor >= 0 || i > 0 {
			b.WriteString(eol)
		}
		b.WriteString(w.text(eol))
	}
	text := b.String()
	if anchor < 0 { // an empty file, or a byte order mark alone
		e.after[-1] = text
		return
	}
	if e.eol(anchor) == "" && !e.drop[anchor] {
		if _, ok := e.after[anchor]; ok {
			e.after[anchor] += eol
		} else {
			text = eol + text
		}
	}
	e.after[anchor] += text
}

func (e *editor) bytes() []byte {
	var b bytes.Buffer
	b.Grow(len(e.src) + 256)
	start := len(e.src)
	if len(e.lines) > 0 {
		start = e.lines[0].start
	}
	b.Write(e.src[:start])
	b.WriteString(e.after[-1])
	for i, l := range e.lines {
		if !e.drop[i] {
			if t, ok := e.put[i]; ok {
				b.WriteString(t)
			} else {
				b.Write(e.src[l.start:l.next])
			}
		}
		b.WriteString(e.after[i])
	}
	return b.Bytes()
}
