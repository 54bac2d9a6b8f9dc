package item

import "testing"

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{"session/dev": true, "sso/a.b_c@d+e-f": true, "all": true, "9": true,
		"": false, "/a": false, "a/": false, "a//b": false, ".a": false, "a/-b": false, "a b": false, "ä": false, "a\x00": false} {
		if ValidKey(key) != want {
			t.Errorf("ValidKey(%q) = %t", key, !want)
		}
	}
}
