package accounts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"aws-accounts/internal/tui"
)

// The edits of the accounts file: pure functions from bytes to bytes. What one of them returns is a valid file if the old
// one was; every byte that the edit isn't about comes out as it went in, comments, order and line ends included, and an
// edit that changes nothing returns its input.

// Add puts an account at the end of the list, laid out as the one before it. A second base account would leave the roles
// without a source in doubt: they are told the one that they have.
func Add(path string, data []byte, a Account) ([]byte, error) {
	e, err := newEntry(a)
	if err != nil {
		return nil, err
	}
	edited, err := add(path, data, e, a.IsBase())
	return edited, withoutLines(err)
}

// AddSSOSession puts an Identity Center at the end of its list.
func AddSSOSession(path string, data []byte, s SSOSession) ([]byte, error) {
	e, err := newEntry(s)
	if err != nil {
		return nil, err
	}
	return rewrite(path, data, func(t *tree) error { t.append("sso_sessions", e); return nil })
}

// SetKeychain writes the choice of a keychain down.
func SetKeychain(path string, data []byte, k Keychain) ([]byte, error) {
	value, err := compact(k)
	if err != nil {
		return nil, err
	}
	return rewrite(path, data, func(t *tree) error { t.set(&t.root, "keychain", value, nil); return nil })
}

// SetDefaults gives fields of what holds for every account that doesn't say otherwise their values.
func SetDefaults(path string, data []byte, fields ...Field) ([]byte, error) {
	var edits []func(*tree) error
	for _, field := range fields {
		edits = append(edits, func(t *tree) error {
			t.setDefault(field.Name, field.Value)
			return nil
		})
	}
	return rewrite(path, data, edits...)
}

func (t *tree) setDefault(name, value string) {
	if v := member(&t.root, "defaults"); v != nil {
		t.set(v, name, value, defaultsOrder)
	} else if value != "" {
		t.set(&t.root, "defaults", fmt.Sprintf("{%q: %s}", name, value), nil)
	}
}

// Field is one field of an account with the JSON of its new value; "" takes the field out.
type Field struct{ Name, Value string }

// Set gives fields of the account called name their values.
func Set(path string, data []byte, name string, fields ...Field) ([]byte, error) {
	var edits []func(*tree) error
	for _, field := range fields {
		edits = append(edits, func(t *tree) error {
			a, err := t.own(name)
			if err != nil {
				return err
			}
			nodes := elements(member(&t.root, "accounts"))
			for i := range nodes {
				if &t.file.Accounts[i] == a {
					t.set(&nodes[i], field.Name, field.Value, fieldOrder)
				}
			}
			return nil
		})
	}
	return rewrite(path, data, edits...)
}

// AddFields is Add for an account of single fields.
func AddFields(path string, data []byte, name string, fields []Field) ([]byte, error) {
	isBase := !slices.ContainsFunc(fields, func(f Field) bool { return (f.Name == "role_arn" || f.Name == "sso") && f.Value != "" })
	return add(path, data, newAccount(name, fields), isBase)
}

func add(path string, data []byte, e entry, isBase bool) ([]byte, error) {
	return rewrite(path, data, func(t *tree) error {
		t.append("accounts", e)
		if isBase {
			return t.keepSources()
		}
		return nil
	})
}

func newAccount(name string, list []Field) entry {
	e := entry{`"name": ` + jsonString(name)}
	for _, known := range fieldOrder {
		for _, field := range list {
			if field.Name == known && field.Value != "" {
				e = append(e, fmt.Sprintf("%q: %s", field.Name, field.Value))
			}
		}
	}
	return e
}

// Remove takes accounts out, and a comment that stands behind one on its line. Comments above it stay: they may be about
// more than it.
func Remove(path string, data []byte, names ...string) ([]byte, error) {
	return rewrite(path, data, func(t *tree) error {
		gone := map[*Account]bool{}
		for _, name := range names {
			a, err := t.own(name)
			if err != nil {
				return err
			}
			gone[a] = true
		}
		t.remove(member(&t.root, "accounts"), func(i int) bool { return gone[&t.file.Accounts[i]] })
		return nil
	})
}

// fieldOrder is where a new field goes: behind the last of those before it here. What an account is comes first.
var (
	fieldOrder    = orderOf(reflect.TypeFor[Account](), "name", "account_id", "credentials", "role_arn", "sso", "source")
	defaultsOrder = orderOf(reflect.TypeFor[Defaults]())
)

func orderOf(t reflect.Type, order ...string) []string {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}

// keepSources writes the only base account so far into the roles that have it as their source without saying so.
func (t *tree) keepSources() error {
	bases := t.file.Bases()
	nodes := elements(member(&t.root, "accounts"))
	for i := range t.file.Accounts {
		a := &t.file.Accounts[i]
		switch {
		case len(bases) == 0 || a.RoleARN == "" || a.Source != "":
		case a.From != "":
			return ReadOnlyError(a)
		default:
			t.set(&nodes[i], "source", jsonString(bases[0].Name), fieldOrder)
		}
	}
	return nil
}

// tree is a file that is being edited.
type tree struct {
	data    []byte // as it was before this edit
	root    hujson.Value
	file    *File    // as it was before the first edit
	changes []change // of data, none within another
}

// change puts a text in the place of another one.
type change struct {
	from, to int
	text     string
}

func (t *tree) change(from, to int, text string) {
	t.changes = append(t.changes, change{from, to, text})
}

func (t *tree) edited() []byte {
	slices.SortStableFunc(t.changes, func(a, b change) int { return a.from - b.from })
	var edited []byte
	at := 0
	for _, c := range t.changes {
		edited = append(append(edited, t.data[at:c.from]...), c.text...)
		at = c.to
	}
	return append(edited, t.data[at:]...)
}

// rewrite makes edits, each on what the one before it left: only after the last must the file be right again.
func rewrite(path string, data []byte, edits ...func(*tree) error) ([]byte, error) {
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	bom := data[:len(data)-len(bytes.TrimPrefix(data, []byte("\ufeff")))]
	edited := data[len(bom):]
	for _, edit := range edits {
		root, err := hujson.Parse(edited)
		if err != nil {
			return nil, fmt.Errorf("an edit of ours has spoilt %s: nothing is written", tui.ShowPath(path)) // the fuzz tests never see it
		}
		t := &tree{data: edited, root: root, file: file}
		if err := edit(t); err != nil {
			return nil, err
		}
		edited = t.edited()
	}
	if bytes.Equal(edited, data[len(bom):]) {
		return data, nil
	}
	edited = append(slices.Clone(bom), edited...)
	if _, err := Parse(path, edited); err != nil {
		return nil, err
	}
	return edited, nil
}

// own is the account called name, which must be in this file.
func (t *tree) own(name string) (*Account, error) {
	a, err := t.file.Find(name)
	if err == nil && a.From != "" {
		err = ReadOnlyError(a)
	}
	return a, err
}

// set gives the member of an object its value, a new one behind the last of those that come before it in order.
func (t *tree) set(object *hujson.Value, name, value string, order []string) {
	list := t.items(object)
	at := slices.IndexFunc(list, func(i item) bool { return i.name == name })
	text := fmt.Sprintf("%q: %s", name, value)
	switch {
	case value == "":
		t.remove(object, func(i int) bool { return i == at })
	case len(list) == 0:
		t.change(object.StartOffset+1, object.StartOffset+1, text)
	case at >= 0 && sameJSON(list[at].value, value):
	case at >= 0:
		t.change(list[at].value.StartOffset, list[at].value.EndOffset, value)
	case order == nil: // the top of the file, where the accounts are last by custom
		t.change(list[0].from, list[0].from, text+","+cmp.Or(list[0].space, " "))
	default:
		after, limit := 0, slices.Index(order, name)
		for i := range list {
			if at := slices.Index(order, list[i].name); at >= 0 && at < limit {
				after = i
			}
		}
		t.insert(list[after], text)
	}
}

// append puts entries at the end of a list at the top of the file.
func (t *tree) append(list string, entries ...entry) {
	if len(entries) == 0 {
		return
	}
	v := member(&t.root, list)
	there, layout := t.items(v), entry.line
	if len(there) > 0 {
		layout = t.layoutOf(there[len(there)-1].value)
	}
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = layout(e)
	}
	text := "\n    " + strings.Join(texts, ",\n    ") + "\n  "
	switch {
	case len(there) > 0:
		t.insert(there[len(there)-1], texts...)
	case v != nil:
		t.change(v.StartOffset+1, v.StartOffset+1, text)
	default:
		top := t.items(&t.root)
		after := slices.IndexFunc(top, func(i item) bool { return i.name == "accounts" })
		t.insert(top[after], fmt.Sprintf("%q: [%s]", list, text))
	}
}

// item is an element of a list or a member of an object, by its place in the text.
type item struct {
	name     string
	value    *hujson.Value
	from, to int
	space    string // blanks in front of it: line end and indentation, or a blank. Not what is before a comment.
	comma    int    // behind it, -1 if there is none
	comment  int    // the length of a comment behind that on its line
	tail     int    // behind all this
}

func (t *tree) items(v *hujson.Value) (list []item) {
	if v == nil {
		return nil
	}
	switch c := v.Value.(type) {
	case *hujson.Array:
		for i := range c.Elements {
			e := &c.Elements[i]
			list = append(list, item{value: e, from: e.StartOffset, to: e.EndOffset})
		}
	case *hujson.Object:
		for i := range c.Members {
			m := &c.Members[i]
			list = append(list, item{name: unquote(m.Name.Value.(hujson.Literal)), value: &m.Value, from: m.Name.StartOffset, to: m.Value.EndOffset})
		}
	}
	next := v.EndOffset - 1
	for n := len(list) - 1; n >= 0; n-- {
		i := &list[n]
		before := t.data[:i.from]
		i.space = string(before[len(bytes.TrimRight(before, " \t\r\n")):])
		i.comma, i.tail = -1, i.to
		if at := i.to + len(i.value.AfterExtra); t.data[at] == ',' {
			i.comma, i.tail = at, at+1
		}
		i.comment = commentLength(t.data[i.tail:next])
		i.tail += i.comment
		next = i.from
	}
	return list
}

// commentLength is that of a comment on the same line, not counting what ends the line.
func commentLength(behind []byte) int {
	line, _, ends := bytes.Cut(behind, []byte("\n"))
	text := bytes.TrimSpace(line)
	// Of the other kind only one that ends here, and behind which there is nothing.
	block, isBlock := bytes.CutPrefix(text, []byte("/*"))
	isBlock = isBlock && bytes.Index(block, []byte("*/")) == max(0, len(block)-2)
	if ends && (isBlock || bytes.HasPrefix(text, []byte("//"))) {
		return len(bytes.TrimRight(line, " \t\r"))
	}
	return 0
}

// insert puts texts behind an item, set off as that is; a comment behind the item on its line stays with it.
func (t *tree) insert(i item, texts ...string) {
	space := cmp.Or(i.space, " ")
	first := space
	if i.comment > 0 && !strings.Contains(space, "\n") { // it may run to its line's end: as far in as that
		line := t.data[bytes.LastIndexByte(t.data[:i.to], '\n')+1:]
		first = "\n" + string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	}
	text := first + strings.Join(texts, ","+space)
	if i.comma < 0 {
		t.change(i.to, i.to, ",")
	} else {
		text += ","
	}
	t.change(i.tail, i.tail, text)
}

// remove takes items out: insert undone. Comments above an item stay, and those between it and its comma.
func (t *tree) remove(v *hujson.Value, gone func(i int) bool) {
	list := t.items(v)
	last := len(list) - 1
	stay := last // the last that stays
	for stay >= 0 && gone(stay) {
		stay--
	}
	if stay >= 0 && stay < last && list[last].comma < 0 {
		t.change(list[stay].comma, list[stay].comma+1, "")
	}
	above := v.StartOffset + 1 // where what is above an item begins
	cut := 0                   // the end of what has gone so far
	first := true              // none of those before stays
	for n, i := range list {
		next := v.EndOffset - 1
		if n < last {
			next = list[n+1].from
		}
		comments := len(bytes.TrimSpace(t.data[above:i.from])) > 0
		behind := t.data[i.tail:next]
		blanks := len(behind) - len(bytes.TrimLeft(behind, " \t"))
		endsLine := bytes.HasPrefix(bytes.TrimLeft(behind, " \t\r"), []byte("\n"))
		above = i.tail
		from := max(cut, i.from-len(i.space))
		switch {
		case !gone(n):
			first = false
			continue
		case len(bytes.TrimSpace(i.value.AfterExtra)) > 0:
			t.change(from, i.to, "")
			from = i.comma
			cut = i.comma + 1
		case !endsLine && (comments || first && n < last): // "{a, b}" becomes "{b}"
			from, cut = i.from, i.tail+blanks
		default:
			cut = i.tail
		}
		t.change(from, cut, "")
	}
	inside := tree{data: t.data[:v.EndOffset-1], changes: t.changes}
	if stay < 0 && len(bytes.TrimSpace(inside.edited()[v.StartOffset+1:])) == 0 {
		t.changes = []change{{v.StartOffset + 1, v.EndOffset - 1, ""}}
	}
}

// entry is a new object with its members as they will stand in the file.
type entry []string

func newEntry(v any) (entry, error) {
	text, err := compact(v)
	if err != nil {
		return nil, err
	}
	root, err := hujson.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	var e entry
	for _, m := range root.Value.(*hujson.Object).Members {
		e = append(e, text[m.Name.StartOffset:m.Value.EndOffset])
	}
	return e, nil
}

func (e entry) line() string { return "{" + strings.Join(e, ", ") + "}" }

// layoutOf lays entries out as an object is: on one line, or a line for each member.
func (t *tree) layoutOf(object *hujson.Value) func(entry) string {
	list := t.items(object)
	if len(list) == 0 {
		return entry.line
	}
	space := list[len(list)-1].space
	start := strings.LastIndexByte(space, '\n')
	if start < 0 { // more than one member a line: whatever its rule is, one line is readable
		return entry.line
	}
	eol := "\n"
	if bytes.Contains(t.data[object.StartOffset:object.EndOffset], []byte("\r\n")) {
		eol = "\r\n"
	}
	closing := t.data[:object.EndOffset-1]
	closing = closing[bytes.LastIndexByte(closing, '\n')+1:]
	closing = closing[:len(closing)-len(bytes.TrimLeft(closing, " \t"))]
	in := eol + space[start+1:]
	return func(e entry) string { return "{" + in + strings.Join(e, ","+in) + eol + string(closing) + "}" }
}

// NewField returns a field with v as its value, which has to be one that JSON can say.
func NewField(name string, v any) (Field, error) {
	text, err := compact(v)
	return Field{name, text}, err
}

// compact is a value as it stands in one line of the file: with a blank behind each comma and colon.
func compact(v any) (string, error) {
	data, err := encodeJSON(v, "")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = json.Indent(&b, data, "", "")
	return strings.NewReplacer(",\n", ", ", "\n", "").Replace(b.String()), err
}

// encodeJSON is JSON for people: <, > and & as they are.
func encodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

func sameJSON(old *hujson.Value, value string) bool {
	return old.Patch(fmt.Appendf(nil, `[{"op": "test", "path": "", "value": %s}]`, value)) == nil
}

func jsonString(s string) string {
	text, err := compact(s)
	if err != nil {
		panic(err) // no string does that
	}
	return text
}
