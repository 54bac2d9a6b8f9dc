package accounts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tailscale/hujson"

	"aws-accounts/examples"
)

// Every field of the model is described, required where it has no omitempty, and of its type; nothing else is there.
func TestSchemaFollowsTheModel(t *testing.T) {
	var s map[string]any
	if err := json.Unmarshal(examples.Schema, &s); err != nil {
		t.Fatal(err)
	}
	follows(t, "$", s, reflect.TypeFor[File]())
	backend := s["properties"].(map[string]any)["keychain"].(map[string]any)["properties"].(map[string]any)["backend"].(map[string]any)
	if got := fmt.Sprint(backend["enum"]); got != fmt.Sprint(Backends()) {
		t.Errorf("the backends are %s", got)
	}
	if n := strings.Count(string(examples.Schema), fmt.Sprintf("%q", regionShape())); n != 3 {
		t.Errorf("a region looks otherwise in all but %d of three places", n)
	}
}

func follows(t *testing.T, at string, s map[string]any, typ reflect.Type) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want := map[reflect.Kind]any{reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.Bool: "boolean", reflect.String: "string"}[typ.Kind()]
	switch typ {
	case durationType:
		want = nil
		if fmt.Sprint(s["anyOf"]) != fmt.Sprint([]any{map[string]any{"pattern": `^([0-9]+(\.[0-9]+)?(h|m|s))+$|^[0-9]+$`, "type": "string"},
			map[string]any{"maximum": maxDuration.Seconds(), "minimum": minDuration.Seconds(), "type": "integer"}}) {
			t.Errorf("%s: %v", at, s["anyOf"])
		}
	case policyType:
		want = []any{"object", "string"}
	}
	if !reflect.DeepEqual(s["type"], want) {
		t.Errorf("%s is of type %v, not %v", at, s["type"], want)
	}
	switch typ.Kind() {
	case reflect.Slice:
		follows(t, at+"[]", s["items"].(map[string]any), typ.Elem())
	case reflect.Map:
		follows(t, at+".*", s["additionalProperties"].(map[string]any), typ.Elem())
	case reflect.Struct:
		if s["additionalProperties"] != false {
			t.Errorf("%s allows for other fields", at)
		}
		properties := s["properties"].(map[string]any)
		known, required := 0, []any{}
		for i := range typ.NumField() {
			name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			if known++; options == "" {
				required = append(required, name)
			}
			property, there := properties[name].(map[string]any)
			if description, _ := property["description"].(string); !there || description == "" {
				t.Errorf("%s.%s isn't described", at, name)
				continue
			}
			follows(t, at+"."+name, property, typ.Field(i).Type)
		}
		if have, _ := s["required"].([]any); len(properties) != known || fmt.Sprint(have) != fmt.Sprint(required) {
			t.Errorf("%s has %d fields of %d, and requires %v, not %v", at, len(properties), known, have, required)
		}
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
	if err := json.Unmarshal(examples.Schema, &s); err != nil {
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
