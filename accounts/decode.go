package accounts

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/tailscale/hujson"

	"aws-accounts/internal/tui"
)

// decoder fills a File from a syntax tree, strictly, and reports all that doesn't fit with its position. encoding/json
// stops at the first error, lets the last of two equal fields win, ignores case, and knows no positions. The fields are
// those of the model, so that none can be documented and then ignored.
type decoder struct {
	*report
	fields map[reflect.Type]map[string]int // json name → number of the field
	homes  map[string][]string             // json name → where such a field belongs

	// broken are the values in which something was wrong. What they don't say is then no news.
	broken map[*hujson.Value]bool
}

var (
	durationType = reflect.TypeFor[Duration]()
	policyType   = reflect.TypeFor[Policy]()
)

// kinds are the words for the objects of the file.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[File]():         "the top of the file",
	reflect.TypeFor[Keychain]():     `"keychain"`,
	reflect.TypeFor[AccountsFrom](): `"accounts_from"`,
	reflect.TypeFor[Defaults]():     `"defaults"`,
	reflect.TypeFor[Account]():      "an account",
	reflect.TypeFor[Credentials]():  `"credentials"`,
	reflect.TypeFor[SSO]():          `"sso"`,
	reflect.TypeFor[Synced]():       `"synced"`,
	reflect.TypeFor[SSOSession]():   `one of "sso_sessions"`,
}

// foreign are names that people bring along from ~/.aws/config and from other tools.
var foreign = map[string]string{
	"source_profile":    "source",
	"role_session_name": "session_name",
	"duration_seconds":  "duration",
	"tags":              "session_tags",
}

// Strings that may be empty; anywhere else "" is an oversight that would change what an account is.
var mayBeEmpty = map[string]bool{"description": true, "profile_prefix": true}

func newDecoder(r *report) *decoder {
	d := &decoder{r, map[reflect.Type]map[string]int{}, map[string][]string{}, map[*hujson.Value]bool{}}
	d.learn(reflect.TypeFor[File]())
	return d
}

func (d *decoder) learn(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		d.learn(t.Elem())
	case reflect.Struct:
		if d.fields[t] != nil {
			return
		}
		d.fields[t] = map[string]int{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			d.fields[t][name] = i
			d.homes[name] = append(d.homes[name], kinds[t])
			d.learn(t.Field(i).Type)
		}
	}
}

func (d *decoder) value(v *hujson.Value, into reflect.Value, name string) {
	switch t := into.Type(); {
	case t == durationType:
		d.duration(v, into, name)
	case t == policyType:
		d.policy(v, into, name)
	case t.Kind() == reflect.String:
		if d.is(v, name, "a string") {
			s := unquote(v.Value.(hujson.Literal))
			d.text(v, name, s)
			into.SetString(s)
		}
	case t.Kind() == reflect.Bool:
		if d.is(v, name, "true or false") {
			into.SetBool(v.Value.(hujson.Literal).Bool())
		}
	case t.Kind() == reflect.Pointer:
		if d.is(v, name, "an object") {
			into.Set(reflect.New(t.Elem()))
			d.object(v, into.Elem())
		}
	case t.Kind() == reflect.Struct:
		if d.is(v, name, "an object") {
			d.object(v, into)
		}
	case t.Kind() == reflect.Slice:
		if d.is(v, name, "a list") {
			d.list(v, into, name)
		}
	case t.Kind() == reflect.Map:
		if d.is(v, name, "an object") {
			d.stringMap(v, into, name)
		}
	default:
		panic("accounts: the model has a field of type " + t.String())
	}
}

func (d *decoder) object(v *hujson.Value, into reflect.Value) {
	t := into.Type()
	known := d.fields[t]
	members := v.Value.(*hujson.Object).Members
	seen := make(map[string]int, len(members))
	for i := range members {
		m := &members[i]
		name := unquote(m.Name.Value.(hujson.Literal))
		if first, dup := seen[name]; dup {
			d.add(m.Name.StartOffset, "duplicate field %s: it is set in line %d already", tui.Quote(name), d.line(first))
			continue
		}
		seen[name] = m.Name.StartOffset
		n, ok := known[name]
		if !ok {
			d.add(m.Name.StartOffset, "unknown field %s%s", tui.Quote(name), d.instead(name, t))
			continue
		}
		d.value(&m.Value, into.Field(n), name)
	}
}

// instead says what would be right in place of an unknown field.
func (d *decoder) instead(name string, t reflect.Type) string {
	known := slices.Sorted(maps.Keys(d.fields[t]))
	if guess := foreign[name]; guess != "" && slices.Contains(known, guess) {
		return ": did you mean " + tui.Quote(guess) + "?"
	}
	if strings.Contains(name, "access_key") || strings.Contains(name, "session_token") {
		return ": keys have no place in a file; `aws-accounts keys add` puts them into the keychain"
	}
	if homes := d.homes[name]; homes != nil {
		return ": it belongs in " + strings.Join(homes, " or ")
	}
	if guess := DidYouMean(name, known); guess != "" {
		return guess
	}
	if len(known) <= 6 {
		return fmt.Sprintf(": the fields of %s are %s", kinds[t], strings.Join(known, ", "))
	}
	return ": there is no such field in " + kinds[t]
}

func (d *decoder) list(v *hujson.Value, into reflect.Value, name string) {
	elements := v.Value.(*hujson.Array).Elements
	if len(elements) == 0 && name != "accounts" {
		return // like a list that isn't there
	}
	into.Set(reflect.MakeSlice(into.Type(), len(elements), len(elements)))
	for i := range elements {
		before := len(d.report.list)
		d.value(&elements[i], into.Index(i), "each of "+name)
		if len(d.report.list) > before {
			d.broken[&elements[i]] = true
		}
	}
}

func (d *decoder) stringMap(v *hujson.Value, into reflect.Value, name string) {
	members := v.Value.(*hujson.Object).Members
	if len(members) == 0 {
		return
	}
	into.Set(reflect.MakeMapWithSize(into.Type(), len(members)))
	seen := make(map[string]int, len(members))
	for i := range members {
		m := &members[i]
		key := unquote(m.Name.Value.(hujson.Literal))
		if first, dup := seen[key]; dup {
			d.add(m.Name.StartOffset, "duplicate key %s in %q: it is set in line %d already", tui.Quote(key), name, d.line(first))
			continue
		}
		seen[key] = m.Name.StartOffset
		if d.is(&m.Value, "each of "+name, "a string") {
			into.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(unquote(m.Value.Value.(hujson.Literal))))
		}
	}
}

func (d *decoder) duration(v *hujson.Value, into reflect.Value, name string) {
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() != '"' && lit.Kind() != '0' {
		d.is(v, name, `a duration like "1h30m" or a number of seconds`)
		return
	}
	dur, err := ParseDuration(unquote(lit))
	if err != nil {
		d.add(v.StartOffset, "%s %v", name, err)
		return
	}
	into.Set(reflect.ValueOf(dur))
}

func (d *decoder) policy(v *hujson.Value, into reflect.Value, name string) {
	object := v
	if lit, ok := v.Value.(hujson.Literal); ok && lit.Kind() == '"' {
		if object = parsePolicy(unquote(lit)); object == nil {
			d.add(v.StartOffset, `%q is a string that holds no JSON object: write the policy as an object, without the quotes`, name)
			return
		}
	} else if !d.is(v, name, "an object (the policy document), or a string that holds one") {
		return
	}
	for part := range object.All() {
		if key, offset := duplicate(part); key != "" {
			if object != v {
				offset = v.StartOffset
			}
			d.add(offset, "duplicate field %s in %q", key, name)
		}
	}
	clone := object.Clone()
	clone.Standardize()
	p, err := compactPolicy(clone.Pack())
	if err != nil {
		d.add(v.StartOffset, "%q is not JSON", name)
		return
	}
	into.SetString(string(p))
}

// parsePolicy returns nil if text is no JSON object.
func parsePolicy(text string) *hujson.Value {
	if _, deep := tooDeep([]byte(text)); deep {
		return nil
	}
	v, err := hujson.Parse([]byte(text))
	if err != nil || !v.IsStandard() || v.Value.Kind() != '{' {
		return nil
	}
	return &v
}

// duplicate finds a field that an object has twice: a policy that reads differently from how it is understood.
func duplicate(v *hujson.Value) (quoted string, offset int) {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return "", 0
	}
	seen := make(map[string]bool, len(o.Members))
	for i := range o.Members {
		n := &o.Members[i].Name
		key := unquote(n.Value.(hujson.Literal))
		if seen[key] {
			return tui.Quote(key), n.StartOffset
		}
		seen[key] = true
	}
	return "", 0
}

// is reports a value of another type than the one it must have.
func (d *decoder) is(v *hujson.Value, name, want string) bool {
	k := v.Value.Kind()
	have := map[hujson.Kind]string{'"': "a string", '0': "a number", 't': "true or false", 'f': "true or false",
		'{': "an object", '[': "a list", 'n': "null"}[k]
	if strings.HasPrefix(want, have) {
		return true
	}
	what := "the file"
	if n, each := strings.CutPrefix(name, "each of "); each {
		what = fmt.Sprintf("each of %q", n)
	} else if name != "" {
		what = fmt.Sprintf("%q", name)
	}
	tail := ""
	switch lit, _ := v.Value.(hujson.Literal); {
	case name == "":
		tail = `: {"accounts": [...]}`
	case k == 'n':
		tail = ": leave it out"
	case k == '0' && want == "a string" && digits(string(lit)):
		tail = ": write it in quotes, " + tui.Quote(string(lit))
	case k == '0' && want == "a string":
		tail = ": write it in quotes"
	case k == '"' && want == "true or false":
		tail = ": write it without quotes"
	}
	if have == "true or false" {
		have = string(v.Value.(hujson.Literal))
	}
	d.add(v.StartOffset, "%s must be %s, not %s%s", what, want, have, tail)
	return false
}

// text refuses what no string of the file can be.
func (d *decoder) text(v *hujson.Value, name, s string) {
	if name, _ = strings.CutPrefix(name, "each of "); mayBeEmpty[name] {
		return // a description is free text, for which whoever prints it is on guard; the prefix is part of a profile's name
	}
	if s == "" {
		d.add(v.StartOffset, "%q is empty: give it a value, or leave it out", name)
	}
	if name == "name" || name == "profile" {
		return // checked for more
	}
	if r, odd := firstNot(s, func(r rune) bool { return !unicode.IsControl(r) }); odd {
		d.add(v.StartOffset, "%q has a control character in it (%U)", name, r)
	}
}

// unquote is lit.String() without the detour over encoding/json that few strings need.
func unquote(lit hujson.Literal) string {
	if lit.Kind() == '"' && bytes.IndexByte(lit, '\\') < 0 {
		return string(lit[1 : len(lit)-1])
	}
	return lit.String()
}

// member is a field's value in an object of the tree, nil if there is none.
func member(v *hujson.Value, name string) *hujson.Value {
	if v == nil {
		return nil
	}
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	for i := range o.Members {
		if unquote(o.Members[i].Name.Value.(hujson.Literal)) == name {
			return &o.Members[i].Value
		}
	}
	return nil
}

func elements(v *hujson.Value) []hujson.Value {
	if v != nil {
		if a, ok := v.Value.(*hujson.Array); ok {
			return a.Elements
		}
	}
	return nil
}
