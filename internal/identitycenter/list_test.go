package identitycenter

import (
	"fmt"
	"sync"
	"testing"

	"aws-accounts/internal/test/standin"
)

const assignedAccounts = 250

// startAssigned is an AWS where somebody has accounts in three pages, and a second permission set in the first one.
func startAssigned(t *testing.T) *standin.Server {
	ic := standin.IdentityCenter{StartURL: startURL, Region: "eu-west-1", Assignments: []standin.Assignment{{Account: "200000000000", Role: "ReadOnly"}}}
	for i := range assignedAccounts {
		ic.Assignments = append(ic.Assignments, standin.Assignment{Account: fmt.Sprintf("2%011d", i), Role: "Admin"})
	}
	return standin.Start(t, standin.Config{IdentityCenter: []standin.IdentityCenter{ic}})
}

func TestAssigned(t *testing.T) {
	s := startAssigned(t)
	c := newCenter(t, s, t.TempDir(), &someone{visit: signsIn})
	if _, err := c.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	most := 0
	all, err := c.Assigned(t.Context(), func(done, all int) {
		mu.Lock()
		defer mu.Unlock()
		most = max(most, done)
		if done > all {
			t.Errorf("%d of %d", done, all)
		}
	})
	if err != nil || len(all) != assignedAccounts+1 || most != assignedAccounts {
		t.Fatalf("%d, %d done, %v", len(all), most, err)
	}
	if all[0].Role != "Admin" || all[1] != (Assigned{"200000000000", "account 200000000000", "ReadOnly"}) || all[2].AccountID != "200000000001" {
		t.Errorf("not sorted: %v", all[:3])
	}
	if n := s.Calls("sso:ListAccounts"); n != 3 {
		t.Errorf("%d pages", n)
	}
}

// The sign-in may be renewed under a listing, once for all that are on their way; one that has ended ends it.
func TestAssignedWhileTheTokenEnds(t *testing.T) {
	s := startAssigned(t)
	c := newCenter(t, s, t.TempDir(), &someone{visit: signsIn})
	if _, err := c.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Person = Person{}
	before := s.Calls("CreateToken")
	s.Fault(standin.Fault{Operation: "ListAccountRoles", Kind: standin.Refusal, Status: 401, Code: "UnauthorizedException", Count: 1})
	all, err := c.Assigned(t.Context(), func(int, int) {})
	if err != nil || len(all) != assignedAccounts+1 {
		t.Errorf("%d, %v", len(all), err)
	}
	if n := s.Calls("CreateToken") - before; n != 1 {
		t.Errorf("%d renewals", n)
	}

	s.EndSSOSessions()
	all, err = c.Assigned(t.Context(), func(int, int) {})
	wantNeedsSignIn(t, err, "not signed in to corp")
	if all != nil {
		t.Errorf("%d", len(all))
	}
}

// One list that fails is no part of a whole one.
func TestAssignedNothingOrAll(t *testing.T) {
	s := startAssigned(t)
	c := newCenter(t, s, t.TempDir(), &someone{visit: signsIn})
	if _, err := c.SignIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []standin.Fault{
		{Operation: "ListAccountRoles", Resource: "200000000123*", Kind: standin.ServerError},
		{Operation: "sso:ListAccounts", Resource: "200", Kind: standin.ServerError},
	} {
		clear := s.Fault(f)
		if all, err := c.Assigned(t.Context(), func(int, int) {}); err == nil || all != nil {
			t.Errorf("%s: %d, %v", f.Operation, len(all), err)
		}
		clear()
	}
}
