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
		remove(member(&t.root, "accounts"), func(i int) bool { return gone[i] })
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

// tree is a file that is being edited.
type tree struct {
	data []byte // as it was before this edit
	root hujson.Value
	file *File // as it was before the first edit
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
		edited = t.root.Pack()
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

// set gives the member of an object its value, a new one behind the last of those that come before it in order.
func (t *tree) set(object *hujson.Value, name, value string, order []string) error {
	list := items(object)
	at := slices.IndexFunc(list, func(i item) bool { return i.name == name })
	switch {
	case value == "":
		remove(object, func(i int) bool { return i == at })
		return nil
	case at >= 0 && sameJSON(*list[at].value, value):
		return nil
	case at >= 0:
		parsed, err := hujson.Parse([]byte(value))
		list[at].value.Value = parsed.Value
		return err
	}
	text := fmt.Sprintf("%q: %s", name, value)
	if order == nil { // the top of the file, where the accounts are last by custom
		if len(list) == 0 {
			return fmt.Errorf("there is nothing in the file")
		}
		space := cmp.Or(list[0].space(), " ")
		err := put(object, 0, []string{text}, *list[0].before, "", hujson.Extra{})
		*items(object)[1].before = hujson.Extra(space)
		return err
	}
	after, limit := 0, slices.Index(order, name)
	for i := range list {
		if at := slices.Index(order, list[i].name); at >= 0 && at < limit {
			after = i
		}
	}
	return t.insert(object, after, text)
}

// append puts entries at the end of a list at the top of the file.
func (t *tree) append(list string, entries ...entry) error {
	if len(entries) == 0 {
		return nil
	}
	v := member(&t.root, list)
	texts := make([]string, len(entries))
	if there := len(elements(v)); there > 0 {
		last := elements(v)[there-1].Value
		like := likeLast(hujson.Value{Value: last}.Pack())
		for i, e := range entries {
			texts[i] = like(e)
		}
		return t.insert(v, there-1, texts...)
	}
	for i, e := range entries {
		texts[i] = e.line()
	}
	text := "\n    " + strings.Join(texts, ",\n    ") + "\n  "
	if v == nil {
		before := slices.IndexFunc(items(&t.root), func(i item) bool { return i.name == "accounts" })
		return t.insert(&t.root, before, fmt.Sprintf("%q: [%s]", list, text))
	}
	parsed, err := hujson.Parse([]byte("[" + text + string(v.Value.(*hujson.Array).AfterExtra) + "]"))
	v.Value = parsed.Value
	return err
}

// item is an element of a list or a member of an object, with the blanks and comments around it.
type item struct {
	name   string
	value  *hujson.Value
	before *hujson.Extra
	after  *hujson.Extra // in front of its comma
	next   *hujson.Extra // behind that, or behind a last one without
}

func items(v *hujson.Value) (list []item) {
	switch c := v.Value.(type) {
	case *hujson.Array:
		for i := range c.Elements {
			e := &c.Elements[i]
			list = append(list, item{"", e, &e.BeforeExtra, &e.AfterExtra, &c.AfterExtra})
		}
	case *hujson.Object:
		for i := range c.Members {
			m := &c.Members[i]
			name := unquote(m.Name.Value.(hujson.Literal))
			list = append(list, item{name, &m.Value, &m.Name.BeforeExtra, &m.Value.AfterExtra, &c.AfterExtra})
		}
	}
	for i := 1; i < len(list); i++ {
		list[i-1].next = list[i].before
	}
	return list
}

// space is the blanks that an item is set off by: line end and indentation, or a blank. Not what is before a comment.
func (i item) space() string {
	before := string(*i.before)
	return before[len(strings.TrimRight(before, " \t\r\n")):]
}

// cutComment parts what is behind an item: the comment on the same line, not counting what ends the line, and the rest.
func cutComment(behind hujson.Extra) (comment, rest hujson.Extra) {
	line, _, ends := bytes.Cut(behind, []byte("\n"))
	text := bytes.TrimSpace(line)
	// Of the other kind only one that ends here, and behind which there is nothing.
	block, isBlock := bytes.CutPrefix(text, []byte("/*"))
	isBlock = isBlock && bytes.Index(block, []byte("*/")) == max(0, len(block)-2)
	if ends && (isBlock || bytes.HasPrefix(text, []byte("//"))) {
		n := len(bytes.TrimRight(line, " \t\r"))
		return behind[:n], behind[n:]
	}
	return nil, behind
}

// insert puts texts behind an item, set off as that is; a comment behind the item on its line stays with it.
func (t *tree) insert(v *hujson.Value, after int, texts ...string) error {
	list := items(v)
	i := list[after]
	space := cmp.Or(i.space(), " ")
	comment, rest := cutComment(*i.next)
	first := space
	if comment != nil && !strings.Contains(space, "\n") { // it may run to its line's end: as far in as that
		line := t.data[bytes.LastIndexByte(t.data[:i.value.EndOffset], '\n')+1:]
		first = "\n" + string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	}
	comma := hujson.Extra{}
	if after == len(list)-1 && *i.after == nil { // hujson tells a last item without a comma by that
		*i.after, comma = comma, nil
	}
	before := slices.Concat(comment, hujson.Extra(first))
	*i.next = rest
	return put(v, after+1, texts, before, space, comma)
}

// put parses texts, of elements or members, and puts them at place n. before is in front of the first, space of the
// others, and comma behind the last.
func put(v *hujson.Value, n int, texts []string, before hujson.Extra, space string, comma hujson.Extra) error {
	array, isList := v.Value.(*hujson.Array)
	text := strings.Join(texts, ","+space)
	if isList {
		parsed, err := hujson.Parse([]byte("[" + text + "]"))
		if err != nil {
			return err
		}
		made := parsed.Value.(*hujson.Array).Elements
		made[0].BeforeExtra, made[len(made)-1].AfterExtra = before, comma
		array.Elements = slices.Insert(array.Elements, n, made...)
		return nil
	}
	parsed, err := hujson.Parse([]byte("{" + text + "}"))
	if err != nil {
		return err
	}
	made := parsed.Value.(*hujson.Object).Members
	made[0].Name.BeforeExtra, made[len(made)-1].Value.AfterExtra = before, comma
	object := v.Value.(*hujson.Object)
	object.Members = slices.Insert(object.Members, n, made...)
	return nil
}

// remove takes items out: insert undone.
func remove(v *hujson.Value, gone func(i int) bool) {
	list := items(v)
	for n := len(list) - 1; n >= 0; n-- {
		if !gone(n) {
			continue
		}
		i := list[n]
		above := (*i.before)[:len(*i.before)-len(i.space())]
		comment, rest := cutComment(*i.next)
		switch {
		case n == len(list)-1 && *i.after == nil:
			switch {
			case n > 0:
				above = slices.Concat(*list[n-1].after, above)
				*list[n-1].after = nil
			case len(bytes.TrimSpace(slices.Concat(*i.before, *i.next))) == 0:
				rest = nil // [] again
			}
		case len(bytes.TrimSpace(*i.after)) > 0: // somebody wrote something between it and its comma
			rest = slices.Concat(*i.after, *i.next)
		case n == 0 && !strings.Contains(i.space(), "\n") && comment == nil: // "{a, b}" becomes "{b}"
			above, rest = *i.before, bytes.TrimLeft(rest, " \t")
		}
		*i.next = slices.Concat(above, rest)
		if list = slices.Delete(list, n, n+1); n > 0 {
			list[n-1].next = i.next
			if n == len(list) && *i.after != nil { // the comma of the last stays
				*list[n-1].after = append(hujson.Extra{}, *list[n-1].after...)
			}
		}
	}
	n := -1
	each := func() bool { n++; return gone(n) }
	switch c := v.Value.(type) {
	case *hujson.Array:
		c.Elements = slices.DeleteFunc(c.Elements, func(hujson.Value) bool { return each() })
	case *hujson.Object:
		c.Members = slices.DeleteFunc(c.Members, func(hujson.ObjectMember) bool { return each() })
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
	list := items(&v)
	if len(list) == 0 {
		return entry.line
	}
	space := list[len(list)-1].space()
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

func sameJSON(old hujson.Value, value string) bool {
	v := old.Clone()
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
