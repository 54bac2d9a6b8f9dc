package accounts

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	const file = `{"sso_sessions": [{"name": "corp"}], // "name": "x"
  "accounts": [{"name": "main", "credentials": {"name": "no"}}, /* {"name": "y"} */
    {"description": "\"name\": \"z\"", "name" : "De\u0076"}, {"session_tags": {"name": "t"}, "name": "dev2"}],
  "defaults": {"name": "w"}}`
	for prefix, want := range map[string][]string{"": {"main", "Dev", "dev2"}, "dE": {"Dev", "dev2"}, "x": nil} {
		if got := names([]byte(file), prefix); !slices.Equal(got, want) {
			t.Errorf("%q: %q", prefix, got)
		}
	}
}

// FuzzNames: in a right file they are what Parse finds.
func FuzzNames(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(original))
	f.Add([]byte("{\"accounts\": [{\"name\"/*:*/: //\n\"a\", \"session_tags\": {\"name\": \"}\"}}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := names(data, "")
		if file, err := Parse("f", data); err == nil && !slices.Equal(got, file.names()) {
			t.Errorf("%q has %q, not %q", data, file.names(), got)
		}
	})
}
