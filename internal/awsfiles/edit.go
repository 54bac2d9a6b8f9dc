package awsfiles

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Stanza is what one of the files should hold for one account.
type Stanza struct {
	Profile string // in the config file `default` is written as [default], others as [profile NAME]
	Command string // the value of credential_process, from [Command]; it names the account
	Region  string // "" leaves what is there
}

// Action is what an edit did about a profile.
type Action string

// The actions.
const (
	Added     Action = "added"
	Updated   Action = "updated"
	TakenOver Action = "taken over" // somebody else had written it
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

// Report is what an edit did and what it left: the changes in order of Want, then those of the file; conflicts too.
type Report struct {
	Changes   []Change
	Conflicts []Conflict
}

func (r *Report) changed() bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Action != Unchanged })
}

// Edit is a change of one of the files.
//
// It is made line by line and then proved by both readers: each profile that it is about must say what is wanted, and
// keep whatever else it said, and all other sections must say what they did. A profile for which that fails is left as it
// is. So is, unless its owner has agreed to have it taken over, one that isn't ours.
type Edit struct {
	File     File
	Want     []Stanza
	TakeOver func(profile string) bool          // its owner has agreed; may be nil
	Remove   func(profile, account string) bool // which of ours go that are not wanted; may be nil
}

// deciding are the settings that say where a profile's credentials come from, to the AWS tools and to aws-vault. In a
// stanza of ours each of them would win over credential_process, clash with it, or say what is no longer so.
var deciding = []string{
	"role_arn", keySource, "credential_source", "external_id", "mfa_serial", "duration_seconds", "role_session_name",
	"web_identity_token_file", "sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name",
	"sso_registration_scopes", "login_session", keyProcess,
	// aws-vault's own: https://github.com/99designs/aws-vault/blob/master/vault/config.go
	"mfa_process", "include_profile", "parent_profile", "source_identity", "session_tags", "transitive_session_tags",
	"web_identity_token_process",
}

// Apply returns the file as it should be.
//
// In a stanza that is there already only credential_process and region change, in one that is taken over all settings
// that decide about credentials go too; other settings, nested blocks and comments stay, and so do indentation and
// spacing. A comment behind a value that changes moves to a line of its own, as botocore takes it for a part of the value.
// New stanzas come at the end, each after a blank line. Of several equal stanzas of ours, which botocore refuses the file
// for, one stays.
//
// A name, a region or a command that couldn't be written so that it's read back as it is leaves that profile as it is.
// An error means that the file is no text; then nothing is returned.
func (e Edit) Apply(old []byte) ([]byte, Report, error) {
	d, err := parse(old, e.File)
	if err != nil {
		return nil, Report{}, err
	}
	var report Report
	var todo []change
	wanted := map[string]bool{}
	for _, w := range e.Want {
		if err := w.check(e.File); err != nil {
			report.Conflicts = append(report.Conflicts, Conflict{Profile: w.Profile, Reason: err.Error()})
			continue
		}
		if wanted[w.Profile] {
			return nil, Report{}, fmt.Errorf("profile %s is wanted twice", w.Profile)
		}
		wanted[w.Profile] = true
		c := change{Change: Change{Profile: w.Profile, Account: w.Account(), Action: Added}, stanza: w, sets: []set{
			{keyProcess, w.Command, []string{keyProcess}}, {keyRegion, w.Region, []string{keyRegion}}}}
		if w.Region == "" {
			c.sets = c.sets[:1]
		}
		sections := d.named[w.Profile]
		if len(sections) > 0 {
			c.Line, c.Action = sections[0].Line, Updated
		}
		foreign := slices.IndexFunc(sections, isForeign)
		switch {
		case foreign >= 0 && len(sections) > 1:
			report.leave(c, sections[foreign], moreThanOnce)
			continue
		case foreign >= 0 && (e.TakeOver == nil || !e.TakeOver(w.Profile)):
			report.leave(c, sections[0], "the profile is there already and isn't ours")
			continue
		case foreign >= 0 && has(sections[0], keyNames...):
			report.leave(c, sections[0], "it holds an access key: move that to the credentials file, then try again")
			continue
		case foreign >= 0:
			c.Action, c.sets[0].replaces = TakenOver, deciding
		case len(sections) == 1 && w.readsBack(sections[0]):
			c.Action = Unchanged
		}
		todo = append(todo, c)
	}
	for _, s := range d.sections {
		name := s.profile(Both)
		if account, ours := stanzaOf(s); ours && name != "" && !wanted[name] && e.Remove != nil && e.Remove(name, account) {
			wanted[name] = true
			c := change{Change: Change{name, account, s.Line, Removed}}
			if foreign := slices.IndexFunc(d.named[name], isForeign); foreign >= 0 {
				report.leave(c, d.named[name][foreign], moreThanOnce)
			} else {
				todo = append(todo, c)
			}
		}
	}
	edited, failed := d.apply(slices.DeleteFunc(slices.Clone(todo), func(c change) bool { return c.Action == Unchanged }))
	for _, c := range todo {
		if slices.ContainsFunc(failed, func(f change) bool { return f.Profile == c.Profile }) {
			s, why := d.disagreement(c.Profile)
			report.leave(c, s, why)
			continue
		}
		report.Changes = append(report.Changes, c.Change)
	}
	if !report.changed() {
		return old, report, nil
	}
	return edited.bytes(), report, nil
}

const moreThanOnce = "the profile is there more than once"

func isForeign(s *Section) bool {
	_, ours := stanzaOf(s)
	return !ours
}

func (r *Report) leave(c change, s *Section, reason string) {
	left := Conflict{Profile: c.Profile, Reason: reason}
	if s != nil {
		left.Line, left.Key = s.Line, decides(s)
	}
	r.Conflicts = append(r.Conflicts, left)
}

// decides is the setting that says where the credentials of a section come from.
func decides(s *Section) string {
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

// disagreement is why a profile couldn't be changed: the place where the readers differ about it.
func (d *document) disagreement(profile string) (*Section, string) {
	sections := d.named[profile]
	switch {
	case len(sections) == 0 && d.bom != "":
		return nil, "the file begins with a byte order mark, which hides its first line: save it without"
	case len(sections) == 0:
		return nil, "the AWS tools disagree about what is around it"
	}
	s := sections[0]
	if s.goProfile != s.botoPr {
		return s, "the AWS tools disagree what profile the header names: write it as [profile NAME]"
	}
	if len(sections) > 1 {
		return sections[1], moreThanOnce + ", each time with more than ours"
	}
	for _, st := range s.Settings {
		if st.By != Both {
			return s, fmt.Sprintf("the AWS tools disagree about its %s in line %d", printable(st.Key), st.Line)
		}
	}
	return s, "the AWS tools disagree where it ends"
}

// check refuses what couldn't be read back: nothing that is written may end a line, a header or a value early.
func (w Stanza) check(file File) error {
	d, err := parse([]byte(w.text(file, "\n")), file)
	if err != nil || w.Profile == "" || len(d.sections) != 1 || len(d.problems) != 0 || !w.readsBack(d.sections[0]) ||
		strings.ContainsFunc(w.Profile+w.Region+w.Command, unsayable) {
		return errors.New("not every AWS tool would read its name, region and command as they are")
	}
	if w.Account() == "" {
		return fmt.Errorf("its command is not `%s process NAME`, so it would not be known again", binaryName)
	}
	return nil
}

// Account is the account that the command is for, "" if it isn't known as one of ours.
func (w Stanza) Account() string {
	a, _ := accountOf(w.Command)
	return a
}

func (w Stanza) text(file File, eol string) string {
	header := "[" + w.Profile + "]"
	if file == Config && w.Profile != "default" {
		header = "[profile " + w.Profile + "]"
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

// change is what is to become of one profile.
type change struct {
	Change
	stanza Stanza // of one that stays
	sets   []set
}

// set gives a section's key a value, in the place of all settings in replaces. Without a key these just go.
type set struct {
	key, value string
	replaces   []string
}

// apply makes the changes and proves them. Those that fail are found by halves, and are not made.
func (d *document) apply(todo []change) (edited *document, failed []change) {
	if len(todo) == 0 {
		return d, nil
	}
	after, err := parse(d.with(todo), d.file)
	if err == nil && d.becomes(after, todo) {
		return after, nil
	}
	if len(todo) == 1 {
		return d, todo
	}
	half := len(todo) / 2
	edited, failed = d.apply(todo[:half])
	edited, more := edited.apply(todo[half:])
	return edited, append(failed, more...)
}

// becomes reports whether after is d with the changes, and nothing else.
func (d *document) becomes(after *document, todo []change) bool {
	about := map[string]*change{}
	for i, c := range todo {
		about[c.Profile] = &todo[i]
		for _, s := range d.named[c.Profile] {
			if s.goProfile != s.botoPr || slices.ContainsFunc(d.lines[s.Line-1:s.last+1], hasLoneReturn) {
				return false
			}
		}
		sections := after.named[c.Profile]
		switch {
		case c.Action == Removed && len(sections) > 0:
			return false
		case c.Action == keysRemoved && slices.ContainsFunc(sections, func(s *Section) bool { return has(s, keyNames...) }):
			return false
		case c.stanza != (Stanza{}) && (len(sections) != 1 || !c.stanza.readsBack(sections[0])):
			return false
		}
	}
	for _, r := range []Reader{Go, Botocore} {
		was, is := d.view(r, about), after.view(r, about)
		if !maps.EqualFunc(was, is, slices.Equal) {
			return false
		}
	}
	return true
}

// view is what a reader sees in each section, but for what the changes are about.
func (d *document) view(r Reader, about map[string]*change) map[string][]Setting {
	view := map[string][]Setting{}
	for _, s := range d.sections {
		name := s.goName
		if r == Botocore {
			name = s.botoName
		}
		c := about[s.profile(r)]
		if name == "" || c != nil && (c.Action == Added || c.Action == Removed) {
			continue
		}
		if _, there := view[name]; !there && c == nil {
			view[name] = nil
		}
		for _, st := range s.Settings {
			changes := func(set set) bool { return slices.Contains(set.replaces, st.Key) }
			if st.By&r != 0 && (c == nil || !slices.ContainsFunc(c.sets, changes)) {
				view[name] = append(view[name], Setting{Key: st.Key, Value: st.Value, Nested: st.Nested})
			}
		}
	}
	return view
}

// with makes the changes, each of which is about another profile.
func (d *document) with(todo []change) []byte {
	e := &editor{d, slices.Clone(d.lines)}
	end := len(d.lines) - 1
	var added strings.Builder
	for _, c := range todo {
		sections := d.named[c.Profile]
		switch c.Action {
		case Added:
			if end >= 0 || added.Len() > 0 {
				added.WriteString(d.eolAt(end))
			}
			added.WriteString(c.stanza.text(d.file, d.eolAt(end)))
		case Removed:
			for _, s := range sections {
				e.cut(s)
			}
		case keysRemoved:
			for _, s := range sections {
				e.rewrite(s, c.sets)
				if left := strings.Join(e.out[s.Line:s.last+1], ""); has(s, keyNames...) && strings.TrimSpace(left) == "" {
					e.out[s.Line-1] = ""
				}
			}
		default:
			e.rewrite(sections[0], c.sets)
			for _, s := range sections[1:] {
				if !e.hasMore(s) {
					e.cut(s)
				}
			}
		}
	}
	text := strings.Join(e.out, "")
	if added.Len() > 0 && text != "" && !strings.HasSuffix(text, "\n") {
		text += d.eolAt(end)
	}
	return []byte(d.bom + text + added.String())
}

// editor makes changes in a document.
type editor struct {
	*document
	out []string // what becomes of each line
}

func (e *editor) rewrite(s *Section, sets []set) {
	last := s.Line - 1 // below which a key goes that the section doesn't have yet
	for _, set := range sets {
		at := -1
		for _, st := range s.Settings {
			i := st.Line - 1
			if i == at || i > s.last || !slices.Contains(set.replaces, st.Key) {
				continue
			}
			e.out[i] = ""
			level := indent(e.text(i))
			for j := i + 1; j <= s.last && (e.passed(j) || indent(e.text(j)) > level && keyOf(e.text(j)) == ""); j++ {
				if !e.passed(j) { // the value goes on there
					e.out[j] = ""
				}
			}
			if set.key == "" {
				continue
			}
			comment, line := e.line(i, set.key)
			if e.out[i] = comment; at < 0 {
				at = i
				e.out[i] += line + set.value + e.eolAt(i)
			}
		}
		if at < 0 && set.key != "" {
			at = last
			eol := e.eolAt(at)
			e.out[at] = strings.TrimSuffix(e.out[at], eol) + eol + e.margin(at) + set.key + " = " + set.value + eol
		}
		last = at
	}
}

// passed over are blank lines and comments.
func (e *editor) passed(i int) bool { return e.blank(i) || e.comment(i) }

func (e *editor) margin(i int) string {
	t := e.text(i)
	return t[:len(t)-len(strings.TrimLeftFunc(t, isSpace))]
}

// line is the beginning of line i with another key, up to the value, and the comment behind the old value as a line.
func (e *editor) line(i int, key string) (comment, line string) {
	t := goTrimComment(e.text(i))
	if comment = strings.Trim(e.text(i)[len(t):], " \t"); comment != "" {
		comment = e.margin(i) + comment + e.eolAt(i)
	}
	if keyOf(t) == key { // as it is spelt and spaced there
		v := strings.IndexAny(t, "=:") + 1
		if value := strings.TrimLeft(t[v:], " \t"); value != "" {
			return comment, t[:len(t)-len(value)]
		}
	}
	return comment, e.margin(i) + key + " = "
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
		if !e.passed(i) {
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
	case from > 0 && e.blank(from-1) && e.out[from-1] != "":
		from--
	case to+1 < len(e.lines) && e.blank(to+1):
		to++
	}
	for i := from; i <= to; i++ {
		e.out[i] = ""
	}
}

// keyOf is the key of a line "key = value", "" for another kind of line.
func keyOf(t string) string {
	k, _, _ := goProperty(t)
	return strings.ToLower(strings.TrimFunc(k, isSpace))
}
