package tui

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		"plain <Ünïcödé> & 日本":        `"plain <Ünïcödé> & 日本"`,
		"a\u202eb\u200b\x7f\u009b31m": `"a\u202eb\u200b\u007f\u009b31m"`,
		"tag \U000e0041":              `"tag \udb40\udc41"`,
		"\x1b\u2028\n":                `"\u001b\u2028\n"`,
	} {
		var b bytes.Buffer
		if err := JSON(&b, in, ""); err != nil || b.String() != want+"\n" {
			t.Errorf("%q is %s %v, want %s", in, &b, err, want)
		}
	}
}

// To a program it is the same value.
func FuzzJSON(f *testing.F) {
	f.Add("a\u202e\\\"")
	f.Fuzz(func(t *testing.T, in string) {
		var b bytes.Buffer
		if err := JSON(&b, []string{in}, ""); err != nil {
			t.Fatal(err)
		}
		plain, _ := json.Marshal([]string{in})
		var got, want []string
		json.Unmarshal(plain, &want)
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[0] != want[0] {
			t.Fatalf("%q came back as %q: %v", in, got, err)
		}
	})
}
