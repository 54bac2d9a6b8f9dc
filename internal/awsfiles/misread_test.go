package awsfiles

import (
	"strings"
	"testing"
)

// Who takes a command apart in another way is named; what setup writes for a plain path nobody does.
func TestMisreads(t *testing.T) {
	for _, c := range []struct {
		command, goos string
		want          []string
		program       string
	}{
		{"/usr/bin/aws-accounts process dev", "linux", nil, "/usr/bin/aws-accounts"},
		{"/usr/bin/aws-accounts process --accounts-file=/x/y.json dev", "linux", nil, "/usr/bin/aws-accounts"},
		{"'/home/my files/aws-accounts' process dev", "linux", []string{"minio-go and restic split at blanks alone and would start '/home/my"}, "/home/my files/aws-accounts"},
		{"~/bin/aws-accounts process dev", "linux", []string{"the AWS CLI and boto3 take ~ and $"}, "~/bin/aws-accounts"},
		{`"$HOME"/bin/aws-accounts process dev`, "linux", []string{"the AWS CLI and boto3 take ~ and $", "minio-go and restic split"}, "$HOME/bin/aws-accounts"},
		{"aws-accounts process dev", "linux", []string{`every caller looks for "aws-accounts" in a PATH`}, "aws-accounts"},
		{"env A=b /usr/bin/aws-accounts process dev 2>/dev/null", "linux", []string{"Terraform and the SDKs obey"}, "/usr/bin/aws-accounts"},
		{"/usr/bin/aws-accounts", "linux", []string{"minio-go and restic refuse a command of one word"}, "/usr/bin/aws-accounts"},
		{"'/usr/bin/aws-accounts process dev", "linux", []string{"the AWS CLI and boto3 can't run it: no closing quotation"}, ""},
		{"", "linux", []string{"the AWS CLI and boto3 can't run it"}, ""},
		{`C:\bin\aws-accounts.exe process dev`, "windows", nil, `C:\bin\aws-accounts.exe`},
		{`"C:\Program Files\aws-accounts.exe" process dev`, "windows", []string{"callers differ: the path needs quotes"}, `C:\Program Files\aws-accounts.exe`},
	} {
		got := Misreads(c.command, c.goos)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.command, got)
			continue
		}
		for i, m := range got {
			if said := m.Who + " " + m.What; !strings.HasPrefix(said, c.want[i]) {
				t.Errorf("%s: %q, want %q", c.command, said, c.want[i])
			}
		}
		if got := Program(c.command, c.goos); got != c.program {
			t.Errorf("%s starts %q, want %q", c.command, got, c.program)
		}
	}
}
