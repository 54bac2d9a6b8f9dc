package awsfiles

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"aws-accounts/internal/pattern"
)

// File is one of the two files.
type File uint8

const (
	Config      File = iota // ~/.aws/config, where sections are [profile NAME]
	Credentials             // ~/.aws/credentials, where they are [NAME]
)

func (f File) String() string {
	if f == Credentials {
		return "credentials file"
	}
	return "config file"
}

// Setting is one line "key = value", as the readers in By see it. Where they read one line differently there is a
// Setting for each.
type Setting struct {
	Key    string // lower case
	Value  string // what By makes of it: Go takes quotes and trailing comments off, botocore doesn't
	Line   int    // counted from 1
	By     Reader
	Nested bool // a block such as "s3 =" with indented lines below; Value is empty
}

// Section is a header and the settings below it.
type Section struct {
	Header   string // between the brackets, as written
	Line     int    // of the header, counted from 1
	Settings []Setting

	last              int    // index of the last line before the next header or the end of the file
	goName, botoName  string // the section's name to each, "" where it sees no header here
	goProfile, botoPr string // the profile's name to each, "" where it is none
}

// profile is the name of the profile that r takes the section for, "" for another kind of section.
func (s *Section) profile(r Reader) string {
	switch {
	case r&Go != 0 && s.goProfile != "":
		return s.goProfile
	case r&Botocore != 0:
		return s.botoPr
	}
	return ""
}

func parse(src []byte, file File) (*document, error) {
	d, err := split(src, file)
	if err != nil {
		return nil, err
	}
	d.readGo()
	d.readBotocore()
	for i := range d.lines {
		if s := d.at[i]; s != nil {
			d.sections = append(d.sections, s)
		}
	}
	for i, s := range d.sections {
		s.last = len(d.lines) - 1
		if i+1 < len(d.sections) {
			s.last = d.sections[i+1].Line - 2
		}
		s.goProfile, s.botoPr = goProfile(s.goName, file), botoProfile(s.botoName, file)
		s.Settings = mergeViews(s.Settings)
		if s.botoName == "DEFAULT" {
			d.defaults = append(d.defaults, s)
		}
		for _, name := range slices.Compact([]string{s.goProfile, s.botoPr}) {
			if name == "" {
				continue
			}
			if d.named[name] == nil {
				d.names = append(d.names, name)
			}
			d.named[name] = append(d.named[name], s)
		}
	}
	d.findProblems()
	return d, nil
}

func (d *document) section(i int, header string) *Section {
	s := d.at[i]
	if s == nil {
		s = &Section{Header: header, Line: i + 1}
		d.at[i] = s
	}
	return s
}

// mergeViews joins what both readers agree on: in holds Go's settings in order, then botocore's.
func mergeViews(in []Setting) []Setting {
	type place struct {
		line int
		key  string
	}
	seen := make(map[place]int, len(in))
	var out []Setting
	for _, s := range in {
		p := place{s.Line, s.Key}
		if i, ok := seen[p]; ok && out[i].By != s.By && out[i].Value == s.Value && out[i].Nested == s.Nested {
			out[i].By |= s.By
			continue
		}
		seen[p] = len(out)
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Setting) int { return a.Line - b.Line })
	return out
}

// readGo is config/internal/ini of aws-sdk-go-v2: tokenize.go, parse.go and strings.go.
func (d *document) readGo() {
	var cur *Section
	key := -1         // index in cur.Settings of the property that indented lines may belong to
	var more []string // lines of its value after the first
	flush := func() {
		if len(more) > 0 {
			cur.Settings[key].Value += "\n" + strings.Join(more, "\n")
			more = more[:0]
		}
	}
	add := func(i int, k, v string) {
		flush()
		cur.Settings = append(cur.Settings, Setting{Key: strings.ToLower(k), Value: v, Line: i + 1, By: Go})
		key = len(cur.Settings) - 1
	}
	for i := range d.lines {
		t := d.read(i)
		if d.goSkips(t) {
			continue
		}
		if name, ok := goHeader(t); ok {
			flush()
			cur, key = nil, -1
			if name != "" {
				cur = d.section(i, name)
				cur.goName, cur.Header = name, brackets(t)
			}
			continue
		}
		if cur == nil {
			continue // properties before any header are ignored
		}
		if t[0] != ' ' && t[0] != '\t' {
			if k, v, ok := goProperty(strings.TrimRight(goTrimComment(t), " \t")); ok {
				add(i, k, goUnquote(v))
			}
			continue
		}
		k, v, ok := goProperty(strings.TrimLeft(t, " \t"))
		switch {
		case ok && key >= 0 && cur.Settings[key].Value == "":
			cur.Settings[key].Nested = true
		case ok: // an indented property below one with a value, or below a header, counts as an ordinary one
			add(i, k, strings.TrimSpace(goTrimComment(goUnquote(v))))
		case key >= 0 && cur.Settings[key].Value != "":
			more = append(more, strings.TrimRight(strings.TrimLeft(t, " \t"), "\r")) // the SDK keeps a CRLF's \r here
		}
	}
	flush()
}

func (d *document) goSkips(t string) bool {
	c := strings.TrimLeft(t, " \t")
	return strings.TrimSpace(t) == "" || c[0] == '#' || c[0] == ';'
}

// goHeader: a comment may follow, and may even start inside the brackets, which makes it no header.
func goHeader(t string) (string, bool) {
	t, _, _ = strings.Cut(t, "#")
	t, _, _ = strings.Cut(t, ";")
	t = strings.TrimSpace(t)
	if len(t) < 2 || t[0] != '[' || t[len(t)-1] != ']' {
		return "", false
	}
	t = strings.TrimSpace(t[1 : len(t)-1])
	if i := strings.IndexAny(t, " \t"); i > 0 {
		return t[:i] + " " + strings.TrimLeft(t[i:], " \t"), true
	}
	return t, true
}

func goTrimComment(t string) string {
	for _, c := range []string{" #", " ;", "\t#", "\t;"} {
		t, _, _ = strings.Cut(t, c)
	}
	return t
}

func goProperty(t string) (k, v string, ok bool) {
	i := strings.IndexAny(t, "=:")
	if i < 0 {
		return "", "", false
	}
	return strings.TrimSpace(t[:i]), strings.TrimSpace(t[i+1:]), true
}

// goUnquote takes off quotes that stand around the whole value, even if they belong to two different words.
func goUnquote(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[0] == v[len(v)-1] {
		return v[1 : len(v)-1]
	}
	return v
}

func goProfile(name string, file File) string {
	rest, ok := strings.CutPrefix(name, "profile ")
	switch {
	case file == Credentials && ok, file == Config && !ok && !strings.EqualFold(name, "default"):
		return ""
	case file == Config && ok:
		return rest
	}
	return name
}

var botoHeader = pattern.New(`^\[(.+)\]`)

// readBotocore is configparser.RawConfigParser._read with Python's defaults, which botocore keeps. What Python refuses
// the whole file for becomes a Problem, and reading goes on.
func (d *document) readBotocore() {
	type option struct{ section, key string }
	var (
		cur      *Section
		key      = -1
		level    int
		more     []string // lines of the value after its first
		sections = map[string]int{}
		options  = map[option]int{}
	)
	fail := func(i int, format string, args ...any) {
		d.problems = append(d.problems, Problem{Line: i + 1, By: Botocore, Fatal: true, Text: fmt.Sprintf(format, args...)})
	}
	flush := func() {
		if len(more) > 0 {
			cur.Settings[key].Value += "\n" + strings.Join(more, "\n")
			more = more[:0]
		}
	}
	for i := range d.lines {
		t := d.read(i)
		v := strings.TrimFunc(t, isSpace)
		if v != "" && (v[0] == '#' || v[0] == ';') {
			continue
		}
		if v == "" {
			if key >= 0 {
				more = append(more, "")
			}
			continue
		}
		in := indent(t)
		if key >= 0 && in > level {
			more = append(more, v)
			continue
		}
		flush()
		level = in
		if m := botoHeader.FindStringSubmatch(v); m != nil {
			cur, key = d.section(i, m[1]), -1
			cur.botoName = m[1]
			if cur.goName == "" {
				cur.Header = brackets(t)
			}
			if first, ok := sections[m[1]]; ok && m[1] != "DEFAULT" {
				fail(i, "section [%s] is there twice, first in line %d", m[1], first)
			} else {
				sections[m[1]] = i + 1
			}
			continue
		}
		if cur == nil {
			if i > 0 || d.bom == "" { // findProblems says that better
				fail(i, "a line before the first section")
			}
			continue
		}
		j := strings.IndexAny(v, "=:")
		if j <= 0 {
			fail(i, "neither a section nor a setting")
			key = -1
			continue
		}
		k := strings.ToLower(strings.TrimRightFunc(v[:j], isSpace))
		o := option{cur.botoName, k}
		if first, ok := options[o]; ok {
			fail(i, "%s is set twice in one section, first in line %d", printable(k), first)
		} else {
			options[o] = i + 1
		}
		cur.Settings = append(cur.Settings, Setting{Key: k, Value: strings.TrimFunc(v[j+1:], isSpace), Line: i + 1, By: Botocore})
		key = len(cur.Settings) - 1
	}
	flush()
	for _, s := range d.at {
		for i := range s.Settings {
			if st := &s.Settings[i]; st.By == Botocore {
				st.Value = strings.TrimRightFunc(st.Value, isSpace)
				if strings.HasPrefix(st.Value, "\n") {
					st.Nested, st.Value = true, ""
				}
			}
		}
	}
}

// botoProfile is configloader.build_profile_map.
func botoProfile(name string, file File) string {
	switch {
	case name == "DEFAULT": // no section: its settings count in all others
		return ""
	case file == Credentials || name == "default":
		return name
	}
	return botoNamed("profile", name)
}

// botoNamed is what a section of that kind is called: configloader takes any header that begins so and is two words to a
// shell.
func botoNamed(kind, header string) string {
	if words, err := splitPOSIX(header); err == nil && len(words) == 2 && strings.HasPrefix(header, kind) {
		return words[1]
	}
	return ""
}

// brackets is what a header holds, for people to read.
func brackets(t string) string {
	t = strings.TrimFunc(t, isSpace)
	t = strings.TrimPrefix(t, "[")
	if i := strings.IndexByte(t, ']'); i >= 0 {
		t = t[:i]
	}
	return printable(strings.TrimFunc(t, isSpace))
}

// printable makes a name from a file safe for a message: no control characters, no endless text.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "") + "…"
	}
	return s
}

// Problem is something in a file that a reader stumbles over. Fatal means that the reader in By refuses the whole file.
type Problem struct {
	Line  int // counted from 1
	By    Reader
	Fatal bool
	Text  string // names at most a section or a key, never a value
}

// findProblems adds what concerns the whole file to what readBotocore found.
func (d *document) findProblems() {
	add := func(line int, by Reader, fatal bool, text string) {
		d.problems = append(d.problems, Problem{line, by, fatal, text})
	}
	if d.bom != "" {
		add(1, Botocore, true, "the file begins with a byte order mark")
		add(1, Go, false, "the file begins with a byte order mark, which hides its first line")
	}
	for i, l := range d.lines {
		if strings.Contains(d.text(i), "\r") {
			add(i+1, Botocore, false, "a lone carriage return, a new line to the AWS CLI but not to others")
		}
		if !utf8.ValidString(l) {
			add(i+1, Botocore, true, "not UTF-8")
		}
	}
	for _, s := range d.sections {
		switch {
		case s.botoName == "DEFAULT" && len(s.Settings) > 0:
			add(s.Line, Botocore, false, "settings of [DEFAULT] count in every section to the AWS CLI; [default] is the profile")
		case s.goProfile != s.botoPr:
			add(s.Line, Both, false, "the AWS CLI and the AWS SDK for Go disagree which profile ["+s.Header+"] is")
		}
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
}
