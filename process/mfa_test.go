package process

import (
	"testing"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
)

const serial = "arn:aws:iam::123456789012:mfa/me"

// A code with blanks in it is the one without.
func TestCodeWithBlanks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, want string }{
		{"123456", "123456"},
		{"123 456", "123456"},
		{" 12 34\t56 ", "123456"},
		{"123\u00a0456", "123456"},
		{"12345", ""},
		{"123 4567", ""},
		{"12345x", ""},
	} {
		t.Run(c.given, func(t *testing.T) {
			t.Parallel()
			a := &accounts.Account{Name: "main", MFASerial: serial}
			m := &MFA{Asker: &ask.Asker{Never: true}, Code: c.given, Now: time.Now}
			if got, _, err := m.code(t.Context(), a, "main", ""); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("--mfa-code: got %q, %v", got, err)
			}
			a.MFAProcess = "printf '%s\\n' '" + c.given + "'"
			if got, _, err := m.code(t.Context(), a, "main", ""); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("mfa_process: got %q, %v", got, err)
			}
		})
	}
}
