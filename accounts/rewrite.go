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

// Add puts an account at the end of the list, laid out as the one before it.
func Add(path string, data []byte, a Account) ([]byte, error) {
	return rewrite(path, data, appending("accounts", a))
}

// AddSSOSession puts an Identity Center at the end of its list.
func AddSSOSession(path string, data []byte, s SSOSession) ([]byte, error) {
	return rewrite(path, data, appending("sso_sessions", s))
}

// appending is the edit that puts values at the end of a list at the top of the file.
func appending[T any](list string, values ...T) func(*tree) error {
	return func(t *tree) error {
		entries := make([]entry, len(values))
		for i, v := range values {
			var err error
			if entries[i], err = newEntry(v); err != nil {
				return err
			}
		}
		return t.append(list, entries...)
	}
}

// SetKeychain writes the choice of a keychain down.
func SetKeychain(path string, data []byte, k Keychain) ([]byte, error) {
	return setTop(path, data, "keychain", k)
}

// SetDefaults writes down what holds for every account that doesn't say otherwise.
func SetDefaults(path string, data []byte, d Defaults) ([]byte, error) {
	return setTop(path, data, "defaults", d)
}

func setTop(path string, data []byte, name string, v any) ([]byte, error) {
	value, err := compact(v)
	if err != nil {
		return nil, err
	}
	return rewrite(path, data, func(t *tree) error { return t.set(&t.root, name, value, nil) })
}

// Field is one field of an account with the JSON of its new value; "" takes the field out.
type Field struct{ Name, Value string }

// Set gives fields of the account called name their values.
func Set(path string, data []byte, name string, fields ...Field) ([]byte, error) {
	var edits []func(*tree) error
	for _, field := range fields {
		edits = append(edits, func(t *tree) error {
			account, _, err := t.find(path, name)
			if err != nil {
				return err
			}
			return t.set(account, field.Name, field.Value, fieldOrder)
		})
	}
	return rewrite(path, data, edits...)
}

// Addition is what AddFields has made of a file.
type Addition struct {
	Edited  []byte
	Members []string // of the new entry, as they stand in the file
	Base    string   // the only base account until now, where the new one is another
	Told    []string // the roles whose source Base is said to be now: with two base accounts they would be in doubt
}

// AddFields puts a new account at the end of the list, of single fields.
func AddFields(path string, data []byte, name string, fields []Field) (*Addition, error) {
	file, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	e := newAccount(name, fields)
	added := &Addition{Members: e}
	edits := []func(*tree) error{func(t *tree) error { return t.append("accounts", e) }}
	if isBase(fields) {
		var roles []int
		added.Base, roles = file.implied()
		for _, i := range roles {
			added.Told = append(added.Told, file.Accounts[i].Name)
		}
		edits = append(edits, keepSources)
	}
	added.Edited, err = rewrite(path, data, edits...)
	return added, err
}

// isBase reports whether an account of these fields is assumed from no other one.
func isBase(fields []Field) bool {
	return !slices.ContainsFunc(fields, func(f Field) bool { return (f.Name == "role_arn" || f.Name == "sso") && f.Value != "" })
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
		at := map[string]int{}
		for i := range t.file.Accounts {
			if a := &t.file.Accounts[i]; a.From == "" {
				at[strings.ToLower(a.Name)] = i
			}
		}
		gone := map[int]bool{}
		for _, name := range names {
			i, ok := at[strings.ToLower(name)]
			if !ok {
				_, _, err := t.find(path, name) // which says why
				return err
			}
			gone[i] = true
		}
		t.removeAll(listItems(member(&t.root, "accounts")), gone)
		return nil
	})
}

// fieldOrder is where a new field goes: behind the last of those before it here. What an account is comes first.
var fieldOrder = func() []string {
	order := []string{"name", "account_id", "credentials", "role_arn", "sso", "source"}
	t := reflect.TypeFor[Account]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}()

// implied are the roles whose source is the only base account without their saying so.
func (f *File) implied() (base string, roles []int) {
	for i := range f.Accounts {
		switch a := &f.Accounts[i]; {
		case a.IsBase():
			base = a.Name
		case a.RoleARN != "" && a.Source == "":
			roles = append(roles, i)
		}
	}
	if base == "" {
		return "", nil
	}
	return base, roles
}

// keepSources is for a second base account, which would leave roles without a source in doubt: they are told the one that
// they have.
func keepSources(t *tree) error {
	base, roles := t.file.implied()
	nodes := elements(member(&t.root, "accounts"))
	for _, i := range roles {
		if a := &t.file.Accounts[i]; a.From != "" {
			return ReadOnlyError(a)
		}
		if err := t.set(&nodes[i], "source", jsonString(base), fieldOrder); err != nil {
			return err
		}
	}
	return nil
}

// tree is a file that is being edited: its syntax, and the pieces that change.
type tree struct {
	data []byte
	root hujson.Value
	file *File // as it was before the first edit
	cuts []cut
}

// cut replaces a stretch of the file. Where two overlap, which those of neighbours that are removed do, both hold.
type cut struct {
	from, to int
	text     string
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
		edited = t.bytes()
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

func (t *tree) find(path, name string) (*hujson.Value, int, error) {
	nodes := elements(member(&t.root, "accounts"))
	here := &File{Path: path}
	for i := range nodes {
		var a Account
		if v := member(&nodes[i], "name"); v != nil && v.Value.Kind() == '"' {
			a.Name = unquote(v.Value.(hujson.Literal))
		}
		if strings.EqualFold(a.Name, name) {
			return &nodes[i], i, nil
		}
		here.Accounts = append(here.Accounts, a)
	}
	if a, err := t.file.Find(name); err == nil && a.From != "" {
		return nil, 0, ReadOnlyError(a)
	}
	_, err := here.Find(name)
	return nil, 0, err
}

func (t *tree) put(from, to int, text string) { t.cuts = append(t.cuts, cut{from, to, text}) }

func (t *tree) bytes() []byte {
	slices.SortStableFunc(t.cuts, func(a, b cut) int { return a.from - b.from })
	var b bytes.Buffer
	at := 0
	for _, c := range t.cuts {
		b.Write(t.data[at:max(c.from, at)])
		b.WriteString(c.text)
		at = max(c.to, at)
	}
	b.Write(t.data[at:])
	return b.Bytes()
}

// set gives the member of an object its value, a new one behind the last of those that come before it in order.
func (t *tree) set(object *hujson.Value, name, value string, order []string) error {
	if old := member(object, name); old != nil {
		switch {
		case value == "":
			items := memberItems(object)
			t.remove(items, slices.IndexFunc(items, func(i item) bool { return i.name == name }))
		case !sameJSON(t.data[old.StartOffset:old.EndOffset], value):
			t.put(old.StartOffset, old.EndOffset, value)
		}
		return nil
	}
	if value == "" {
		return nil
	}
	items := memberItems(object)
	text := fmt.Sprintf("%q: %s", name, value)
	if order == nil { // the top of the file, where the accounts are last by custom
		if len(items) == 0 {
			return fmt.Errorf("there is nothing in the file")
		}
		ws := items[0].space()
		if strings.TrimSpace(ws) != "" || ws == "" {
			ws = " "
		}
		t.put(items[0].from, items[0].from, text+","+ws)
		return nil
	}
	after, limit := 0, slices.Index(order, name)
	for i := range items {
		if at := slices.Index(order, items[i].name); at >= 0 && at < limit {
			after = i
		}
	}
	t.insert(items, after, text, items[after].space())
	return nil
}

func (t *tree) append(list string, entries ...entry) error {
	if len(entries) == 0 {
		return nil
	}
	v := member(&t.root, list)
	if v == nil || len(elements(v)) == 0 {
		var lines []string
		for _, e := range entries {
			lines = append(lines, e.line())
		}
		text := "\n    " + strings.Join(lines, ",\n    ") + "\n  "
		if v != nil {
			t.put(v.StartOffset+1, v.StartOffset+1, text)
			return nil
		}
		members := memberItems(&t.root)
		i := slices.IndexFunc(members, func(i item) bool { return i.name == "accounts" })
		t.insert(members, i, fmt.Sprintf("%q: [%s]", list, text), members[i].space())
		return nil
	}
	items := listItems(v)
	last := len(items) - 1
	like := likeLast(t.data[items[last].from:items[last].to])
	var texts []string
	for _, e := range entries {
		texts = append(texts, like(e))
	}
	t.insert(items, last, strings.Join(texts, ","+cmp.Or(items[last].space(), " ")), items[last].space())
	return nil
}

// item is an element of a list or a member of an object.
type item struct {
	name     string
	from, to int // of what it is, from the member's name to the end of its value
	before   hujson.Extra
	after    hujson.Extra
	comma    int // where its comma is, -1 for a last one without
}

func listItems(v *hujson.Value) []item {
	a, ok := v.Value.(*hujson.Array)
	if !ok {
		return nil
	}
	items := make([]item, len(a.Elements))
	for i := range a.Elements {
		e := &a.Elements[i]
		items[i] = item{from: e.StartOffset, to: e.EndOffset, before: e.BeforeExtra, after: e.AfterExtra}
	}
	return commas(items, a.AfterExtra)
}

func memberItems(v *hujson.Value) []item {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	items := make([]item, len(o.Members))
	for i := range o.Members {
		m := &o.Members[i]
		items[i] = item{name: unquote(m.Name.Value.(hujson.Literal)), from: m.Name.StartOffset, to: m.Value.EndOffset,
			before: m.Name.BeforeExtra, after: m.Value.AfterExtra}
	}
	return commas(items, o.AfterExtra)
}

// commas says where they are: what is between an item and its comma is known. hujson tells a last item without one by an
// extra that isn't there.
func commas(items []item, tail hujson.Extra) []item {
	for i := range items {
		items[i].comma = items[i].to + len(items[i].after)
		if i == len(items)-1 && items[i].after == nil {
			items[i].comma, items[i].after = -1, tail
		}
	}
	return items
}

// space is the blanks that an item is set off by: line end and indentation, or a blank. Not what is before a comment.
func (i item) space() string {
	before := string(i.before)
	return before[len(strings.TrimRight(before, " \t\r\n")):]
}

// restOfLine is the offset after a comment that stands at from, on the same line, not counting what ends the line.
func (t *tree) restOfLine(from int) int {
	line := t.data[from:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	rest := strings.TrimLeft(string(line), " \t")
	switch {
	case strings.HasPrefix(rest, "//"):
		return from + len(strings.TrimRight(string(line), " \t\r"))
	case strings.HasPrefix(rest, "/*"):
		// Only one that ends here, and behind which there is nothing.
		if end := strings.Index(rest[2:], "*/"); end >= 0 && strings.TrimSpace(rest[2+end+2:]) == "" {
			return from + len(strings.TrimRight(string(line), " \t\r"))
		}
	}
	return from
}

// insert puts text behind an item, set off by space; a comment behind the item on its line stays with it.
func (t *tree) insert(items []item, after int, text, space string) {
	i := items[after]
	if space == "" {
		space = " "
	}
	if i.comma < 0 {
		at := t.restOfLine(i.to)
		if at == i.to {
			t.put(at, at, ","+space+text)
			return
		}
		t.put(i.to, i.to, ",")
		t.put(at, at, t.newLine(at, space)+text)
		return
	}
	at := t.restOfLine(i.comma + 1)
	if at > i.comma+1 {
		space = t.newLine(at, space)
	}
	t.put(at, at, space+text+",")
}

// newLine is space where a comment that may run to the end of its line precedes.
func (t *tree) newLine(at int, space string) string {
	if strings.Contains(space, "\n") {
		return space
	}
	// As far in as the line that we are on.
	start := bytes.LastIndexByte(t.data[:at], '\n') + 1
	line := t.data[start:at]
	return "\n" + string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// removeAll is remove for several at once.
func (t *tree) removeAll(items []item, gone map[int]bool) {
	last := len(items) - 1
	kept := last
	for kept >= 0 && gone[kept] {
		kept--
	}
	for i := range items {
		switch {
		case !gone[i]:
		case i < last || kept == last-1 || items[i].comma >= 0:
			t.remove(items, i)
		default: // the comma that has to go is of the last one that stays
			if kept >= 0 {
				t.put(items[kept].comma, items[kept].comma+1, "")
			}
			t.put(items[i].from-len(items[i].space()), t.restOfLine(items[i].to), "")
		}
	}
}

func (t *tree) remove(items []item, n int) {
	i := items[n]
	from := i.from - len(i.space())
	switch {
	case i.comma >= 0:
		// What is between it and its comma goes too, unless somebody wrote something there.
		if len(bytes.TrimSpace(i.after)) > 0 {
			t.put(from, i.to, "")
			t.put(i.comma, i.comma+1, "")
			return
		}
		to := t.restOfLine(i.comma + 1)
		if n == 0 && !strings.Contains(i.space(), "\n") && to == i.comma+1 { // "{a, b}" becomes "{b}"
			from = i.from
			for to < len(t.data) && (t.data[to] == ' ' || t.data[to] == '\t') {
				to++
			}
		}
		t.put(from, to, "")
	default:
		if n > 0 {
			t.put(items[n-1].comma, items[n-1].comma+1, "")
		}
		to := t.restOfLine(i.to)
		if n == 0 && len(bytes.TrimSpace(i.before)) == 0 && len(bytes.TrimSpace(i.after)) == 0 {
			from, to = i.from-len(i.before), i.to+len(i.after) // [] again
		}
		t.put(from, to, "")
	}
}

// entry is a new object with its members as they will stand in the file.
type entry []string

func newEntry(v any) (entry, error) {
	root, err := valueOf(v)
	if err != nil {
		return nil, err
	}
	var e entry
	for _, m := range root.Value.(*hujson.Object).Members {
		name := unquote(m.Name.Value.(hujson.Literal))
		e = append(e, fmt.Sprintf("%q: %s", name, spaced(m.Value)))
	}
	return e, nil
}

func (e entry) line() string { return "{" + strings.Join(e, ", ") + "}" }

// likeLast lays entries out as another object is: on one line, or a line for each member.
func likeLast(other []byte) func(entry) string {
	if !bytes.Contains(other, []byte("\n")) {
		return entry.line
	}
	v, err := hujson.Parse(other)
	if err != nil {
		return entry.line
	}
	items := memberItems(&v)
	if len(items) == 0 {
		return entry.line
	}
	space := items[len(items)-1].space()
	if !strings.Contains(space, "\n") { // more than one member a line: whatever its rule is, one line is readable
		return entry.line
	}
	eol := "\n"
	if bytes.Contains(other, []byte("\r\n")) {
		eol = "\r\n"
	}
	closing := string(other[bytes.LastIndexByte(other, '\n')+1:])
	closing = closing[:len(closing)-len(strings.TrimLeft(closing, " \t"))]
	in := eol + space[strings.LastIndexByte(space, '\n')+1:]
	return func(e entry) string { return "{" + in + strings.Join(e, ","+in) + eol + closing + "}" }
}

// NewField returns a field with v as its value, which has to be one that JSON can say.
func NewField(name string, v any) (Field, error) {
	text, err := compact(v)
	return Field{name, text}, err
}

// compact is a value as it stands in one line of the file.
func compact(v any) (string, error) {
	root, err := valueOf(v)
	if err != nil {
		return "", err
	}
	return spaced(root), nil
}

func valueOf(v any) (hujson.Value, error) {
	data, err := encodeJSON(v, "")
	if err != nil {
		return hujson.Value{}, err
	}
	return hujson.Parse(data)
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

// spaced writes a value on one line, with a blank behind each comma and colon.
func spaced(v hujson.Value) string {
	var parts []string
	switch value := v.Value.(type) {
	case *hujson.Object:
		for _, m := range value.Members {
			parts = append(parts, string(m.Name.Value.(hujson.Literal))+": "+spaced(m.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *hujson.Array:
		for _, e := range value.Elements {
			parts = append(parts, spaced(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return string(v.Value.(hujson.Literal))
}

func sameJSON(old []byte, value string) bool {
	v, err := hujson.Parse(old)
	if err != nil {
		return false
	}
	v.Standardize()
	w, err := hujson.Parse([]byte(value))
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal(v.Pack(), &a) == nil && json.Unmarshal(w.Pack(), &b) == nil && reflect.DeepEqual(a, b)
}

func jsonString(s string) string {
	text, err := compact(s)
	if err != nil {
		panic(err) // no string does that
	}
	return text
}
