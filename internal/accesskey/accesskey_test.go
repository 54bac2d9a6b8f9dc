package accesskey

import (
	"strings"
	"testing"
)

// What was pasted in the wrong place is found before AWS is asked, and isn't repeated.
func TestCheckKey(t *testing.T) {
	t.Parallel()
	const id, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for _, c := range []struct{ name, id, secret, want string }{
		{"a key", id, secret, ""},
		{"the secret not known yet", id, "", ""},
		{"exchanged", secret, id, "no access key ID"},
		{"twice the ID", id, id, "no secret access key: it has 20 characters"},
		{"temporary", "ASIAIOSFODNN7EXAMPLE", secret, "temporary credentials"},
		{"a user", "AIDAIOSFODNN7EXAMPLE", secret, "ID of a user or role"},
		{"lower case", strings.ToLower(id), secret, "no access key ID"},
		{"two lines", id + "\n" + secret, secret, "no access key ID"},
		{"a blank in the secret", id, secret[:20] + " " + secret[20:], "no secret access key"},
		{"nothing", "", "", "no access key ID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.id, c.secret)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Error("it repeats the secret")
			}
		})
	}
}
