package stanza

import (
	"testing"

	"aws-accounts/accounts"
)

// Of many accounts each base account is looked at once, and of one that begins at no account of the file, the implicit one.
func TestBasesOf(t *testing.T) {
	file := (&accounts.File{Accounts: []accounts.Account{
		{Name: "a", RoleARN: "arn:aws:iam::987654321098:role/A"}, {Name: "b", RoleARN: "arn:aws:iam::987654321098:role/B"},
	}}).Indexed()
	if got := (&Check{File: file}).Bases(); len(got) != 1 || got[0].Name != "" {
		t.Errorf("%v", got)
	}
	file = (&accounts.File{Accounts: []accounts.Account{
		{Name: "one"}, {Name: "two"}, {Name: "a", Source: "two", RoleARN: "arn:aws:iam::987654321098:role/A"},
	}}).Indexed()
	if got := (&Check{File: file}).Bases(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got := (&Check{File: file, Only: &file.Accounts[2]}).Bases(); len(got) != 1 || got[0].Name != "two" {
		t.Errorf("%v", got)
	}
}
