package accounts

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

var update = flag.Bool("update", false, "write examples/accounts.schema.json")

// Every field of the model is described, and nothing else is.
func TestSchemaIsComplete(t *testing.T) {
	for typ, fields := range described {
		known := map[string]bool{}
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			known[name] = true
			if s := fields[name]; len(s) == 0 || s[0].Name != "description" || s[0].Value == "" {
				t.Errorf("%s of %s isn't described", name, typ)
			}
		}
		for name := range fields {
			if !known[name] {
				t.Errorf("%s has no field %s", typ, name)
			}
		}
	}
	for typ := range kinds {
		if described[typ] == nil {
			t.Errorf("%s isn't described", typ)
		}
	}
}

func TestSchemaIsCommitted(t *testing.T) {
	path := filepath.Join("..", "examples", "accounts.schema.json")
	if *update {
		if err := os.WriteFile(path, JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, JSONSchema()) {
		t.Errorf("examples/accounts.schema.json isn't what `aws-accounts schema` prints: `go test ./accounts -run Schema -update` (%v)", err)
	}
}

func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	files := map[string][]byte{"full": []byte(full), "original": []byte(original), "seconds": []byte(`{"$schema": "./x.json", "accounts": [], "defaults": {"duration": 3600}}`)}
	examples, _ := filepath.Glob(filepath.Join("..", "examples", "*.json"))
	for _, path := range examples {
		if !strings.HasSuffix(path, ".schema.json") {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[path] = data
		}
	}
	if len(files) < 8 {
		t.Fatalf("only %d files", len(files))
	}
	for name, data := range files {
		if _, err := Parse(name, data); err != nil {
			t.Error(err)
		}
		if err := validates(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{`{}`, `[]`, `{"accounts": [{}]}`, `{"accounts": [{"name": "a b"}]}`, `{"accounts": [{"name": "a", "role_arm": "x"}]}`,
		`{"accounts": [{"name": "a", "account_id": 1}]}`, `{"accounts": [{"name": "a", "duration": "long"}]}`, `{"accounts": [{"name": "a", "duration": 10}]}`,
		`{"accounts": [{"name": "a", "credentials": {"keychain": false}}]}`, `{"accounts": [], "keychain": {"backend": "x"}}`,
		`{"accounts": [{"name": "a", "session_tags": {"a": 1}}]}`, `{"accounts": [{"name": "a", "sso": {"session": "x"}}]}`} {
		if _, err := Parse("f", []byte(bad)); err == nil {
			t.Errorf("%s is no bad file", bad)
		}
		if validates([]byte(bad)) == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

// validates knows just the keywords that the schema uses; another one fails it.
func validates(data []byte) error {
	v, err := hujson.Standardize(data)
	if err != nil {
		return err
	}
	var s map[string]any
	var value any
	if err := json.Unmarshal(JSONSchema(), &s); err != nil {
		return err
	}
	if err := json.Unmarshal(v, &value); err != nil {
		return err
	}
	return conforms(s, value, "$")
}

func conforms(s map[string]any, v any, at string) error {
	kind := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Map: "object", reflect.Slice: "array"}[reflect.ValueOf(v).Kind()]
	if n, ok := v.(float64); ok && n == float64(int(n)) {
		kind = "integer"
	}
	text, _ := v.(string)
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	for key, want := range s {
		ok := true
		switch key {
		case "$schema", "title", "description":
		case "type":
			if types, many := want.([]any); many {
				ok = slices.Contains(types, any(kind))
			} else {
				ok = want == kind
			}
		case "pattern":
			ok = kind != "string" || regexp.MustCompile(want.(string)).MatchString(text)
		case "enum":
			ok = slices.Contains(want.([]any), v)
		case "const":
			ok = want == v
		case "minLength":
			ok = kind != "string" || float64(len(text)) >= want.(float64)
		case "maxLength":
			ok = kind != "string" || float64(len(text)) <= want.(float64)
		case "minimum":
			ok = kind != "integer" || v.(float64) >= want.(float64)
		case "maximum":
			ok = kind != "integer" || v.(float64) <= want.(float64)
		case "maxItems":
			ok = float64(len(list)) <= want.(float64)
		case "required":
			for _, name := range want.([]any) {
				_, there := object[name.(string)]
				ok = ok && there
			}
		case "items":
			for i, e := range list {
				if err := conforms(want.(map[string]any), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
					return err
				}
			}
		case "properties":
			for name, p := range want.(map[string]any) {
				if e, there := object[name]; there {
					if err := conforms(p.(map[string]any), e, at+"."+name); err != nil {
						return err
					}
				}
			}
		case "additionalProperties":
			properties, _ := s["properties"].(map[string]any)
			for name, e := range object {
				if _, known := properties[name]; known {
					continue
				}
				if sub, isSchema := want.(map[string]any); isSchema {
					if err := conforms(sub, e, at+"."+name); err != nil {
						return err
					}
				} else {
					ok = false
				}
			}
		case "anyOf":
			ok = slices.ContainsFunc(want.([]any), func(sub any) bool { return conforms(sub.(map[string]any), v, at) == nil })
		default:
			return fmt.Errorf("unknown keyword %s", key)
		}
		if !ok {
			return fmt.Errorf("%s: %s %v refuses %v", at, key, want, v)
		}
	}
	return nil
}
