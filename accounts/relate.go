package accounts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/partitions"
	"aws-accounts/internal/tui"
)

// What check.source holds besides an account's number.
const (
	noSource = -1 // the account is no role, or its role begins at the implicit base account
	unknown  = -2 // it can't be told: there is a problem already
)

// relations checks the accounts against each other. An account in which something was wrong may not be what it seems, so
// that nothing is concluded from it. Every step looks at each account a bounded number of times.
func (c *check) relations() {
	c.names()
	c.profiles()
	c.sources()
	if c.cycles() {
		return
	}
	for i := range c.f.Accounts {
		c.chain(i)
	}
}

func (c *check) names() {
	for i := range c.f.Accounts {
		a := &c.f.Accounts[i]
		if a.Name == "" {
			continue
		}
		lower := strings.ToLower(a.Name)
		if j, dup := c.byName[lower]; dup {
			c.at(&c.nodes[i], "name", "duplicate name %s: the account in line %d has it already%s",
				tui.Quote(a.Name), c.line(member(&c.nodes[j], "name").StartOffset), whatCaseIs(a.Name, c.f.Accounts[j].Name))
			continue
		}
		c.byName[lower] = i
	}
}

// whatCaseIs is the end of a message about two equal names.
func whatCaseIs(a, b string) string {
	if a == b {
		return ""
	}
	return ": case doesn't make two names differ"
}

func (c *check) profiles() {
	seen := make(map[string]int, len(c.f.Accounts))
	for i := range c.f.Accounts {
		a := &c.f.Accounts[i]
		if a.Name == "" || c.byName[strings.ToLower(a.Name)] != i {
			continue
		}
		p := a.ProfileName()
		if j, dup := seen[p]; dup {
			other := &c.f.Accounts[j]
			at := i
			if a.Profile == "" && other.Profile != "" { // the one that chose its profile is the one to change
				at = j
				a, other = other, a
			}
			c.at(&c.nodes[at], "profile", `profile %s is that of account %s already: give one of them another "profile"`, tui.Quote(p), tui.Quote(other.Name))
			continue
		}
		seen[p] = i
	}
}

func (c *check) sources() {
	var bases []string
	base, anyBroken, own := noSource, false, false
	for i := range c.f.Accounts {
		switch a := &c.f.Accounts[i]; {
		case c.broken[&c.nodes[i]]:
			anyBroken = true
		case a.IsBase() && a.From != "" && own: // the user's own roles begin at his own base account
		case a.IsBase():
			own = a.From == ""
			bases = append(bases, a.Name)
			base = i
		}
	}
	var names []string
	for i := range c.f.Accounts {
		a, v := &c.f.Accounts[i], &c.nodes[i]
		c.source[i] = noSource
		switch {
		case a.Source != "" && (a.RoleARN != "" && a.SSO == nil || c.broken[v]):
			j, ok := c.byName[strings.ToLower(a.Source)]
			if c.source[i] = unknown; ok && !c.broken[v] {
				c.source[i] = j
			}
			if ok {
				break
			}
			if names == nil {
				names = c.f.names()
			}
			guess := c.guess(a.Source, names)
			if guess == "" && len(bases) > 0 {
				guess = ": a base account is " + tui.QuoteAll(bases[:1])
			}
			c.at(v, "source", "no account %s to be the source%s", tui.Quote(a.Source), guess)
		case c.broken[v]:
			c.source[i] = unknown
		case a.RoleARN == "" || a.SSO != nil:
		case anyBroken:
			c.source[i] = unknown
		case len(bases) > 1:
			c.source[i] = unknown
			if c.doubt == "" && a.Name != "" && c.f.Accounts[i].From == "" {
				c.doubt = fmt.Sprintf("edit %s --source=%s", a.Name, bases[0])
			}
			c.add(v.StartOffset, `account %s needs a "source", since there is more than one base account: %s`, tui.Quote(a.Name), tui.QuoteAll(bases))
		default:
			c.source[i] = base
		}
	}
}

// cycles names each cycle once, at the first of its accounts.
func (c *check) cycles() (found bool) {
	const fresh, walking, done = 0, 1, 2
	state := make([]int8, len(c.source))
	for i := range c.source {
		var path []int
		j := i
		for j >= 0 && state[j] == fresh {
			state[j] = walking
			path = append(path, j)
			j = c.source[j]
		}
		if j >= 0 && state[j] == walking {
			found = true
			c.cycle(j)
		}
		for _, k := range path {
			state[k] = done
		}
	}
	return found
}

func (c *check) cycle(member int) {
	first := member
	var loop []int
	for j := member; ; {
		loop = append(loop, j)
		first = min(first, j)
		if j = c.source[j]; j == member {
			break
		}
	}
	var names []string
	for j := first; len(names) <= len(loop); j = c.source[j] {
		names = append(names, c.f.Accounts[j].Name)
	}
	const most = 10
	if len(names) > most {
		names = append(append(names[:most-1:most-1], "…"), names[len(names)-1])
	}
	c.at(&c.nodes[first], "source", `the sources go in a circle, %s: one of them must begin at a base account`, strings.Join(names, " → "))
}

// chain checks a role against what it is assumed with.
func (c *check) chain(i int) {
	a, v := &c.f.Accounts[i], &c.nodes[i]
	p, isRole := parseARN(a.RoleARN)
	if w := a.Way(); w.RoleARN != "" {
		p, isRole = parseARN(w.RoleARN)
	}
	if c.broken[v] || !isRole {
		return
	}
	if region := a.EffectiveRegion(); regionShape.MatchString(region) {
		tail := ""
		if a.Region == "" {
			tail = `: give this account a "region" of its own`
		}
		_, known := partitions.Called(p.partition)
		if r := partitions.Of(region); r != p.partition && (r != "aws" || known) {
			c.at(v, "region", "region %s is in partition %s, but the role is in %s%s", tui.Quote(region), r, p.partition, tail)
		}
	}
	j := c.source[i]
	if j < 0 {
		return
	}
	s := &c.f.Accounts[j]
	if q, ok := parseARN(s.RoleARN); ok && q.partition != p.partition {
		c.at(v, "source", "the source %s is in partition %s, but the role is in %s: sessions don't pass from one to another", tui.Quote(s.Name), q.partition, p.partition)
	}
	chained := a.IsChained()
	if chained && a.MFASerial != "" {
		c.at(v, "mfa_serial", `"mfa_serial" is of no use here, since %s is no user: give it to the base account that the chain begins at`, tui.Quote(s.Name))
	}
	m, isARN := parseARN(a.MFASerial)
	if !chained && isARN && IsAccountID(s.AccountID) && IsAccountID(m.account) && m.account != s.AccountID {
		c.at(v, "mfa_serial", `"mfa_serial" is in account %s, but the source %s is in %s: a device is in the account of its user`, m.account, tui.Quote(s.Name), s.AccountID)
	}
}

// notes are for a file without problems.
func (c *check) notes(temporary func(*Account) bool) []Problem {
	n := &check{report: &report{data: c.data}}
	if s := c.shared; s != nil {
		if err, _ := c.f.SharedTrouble(); err != nil {
			n.at(c.root, "accounts_from", "%s", err)
		}
		for _, clash := range s.clashes {
			n.at(c.root, "accounts_from", "%s", clash)
		}
	}
	begins := c.f.Beginnings()
	for i := range c.f.Accounts {
		a, v := &c.f.Accounts[i], &c.nodes[i]
		if base, ok := begins[a.ProfileName()]; ok {
			field := "name"
			if a.Profile != "" {
				field = "profile"
			}
			whose := "credentials begin at"
			if base != nil {
				whose = "account " + tui.Quote(base.Name) + " begins at"
			}
			n.at(v, field, `profile %s is the one that %s, so that it can't be set up for this account: give it another "profile"`, tui.Quote(a.ProfileName()), whose)
		}
	}
	c.lifetimes(n, temporary)
	c.codes(n, temporary)
	return n.problems()
}

// codes finds roles that each ask for a code of the same device, where one code at their source would do for all.
func (c *check) codes(n *check, temporary func(*Account) bool) {
	type use struct{ source, device string }
	roles := map[use][]int{}
	for i := range c.f.Accounts {
		a := &c.f.Accounts[i]
		s := a.SourceAccount()
		if s != nil && s.canShareCode() && a.MFASerial != "" && time.Duration(a.Duration) <= ChainedDuration {
			u := use{strings.ToLower(s.Name), strings.ToLower(a.MFASerial)}
			roles[u] = append(roles[u], i)
		}
	}
	for _, of := range roles {
		if len(of) < 2 || temporary(&c.f.Accounts[of[0]]) {
			continue
		}
		var names []string
		for _, i := range of {
			names = append(names, c.f.Accounts[i].Name)
		}
		first := &c.f.Accounts[of[0]]
		change := "edit " + first.SourceAccount().Name
		if first.SourceAccount().Name == "" {
			name := "main"
			if _, taken := c.byName[name]; taken {
				name = "base"
			}
			change = "add " + name + " --credentials-profile=" + DefaultProfile
		}
		change += " --mfa-serial=" + first.MFASerial
		if first.MFAProcess != "" {
			change += " --mfa-process=" + hint.Word(first.MFAProcess)
		}
		n.at(&c.nodes[of[0]], "mfa_serial", "%s each ask for a code of the same device: "+
			"`aws-accounts %s` has one code serve them all for 12 hours", tui.QuoteAll(names), change)
	}
}

// canShareCode reports whether a code at a, which has none, would serve all roles of a: it has long-term keys, as far as
// the file tells, and hands out a session.
func (a *Account) canShareCode() bool {
	w := a.Way()
	keys := !w.Environment && !w.Instance && w.WebIdentityTokenFile == ""
	return a.IsBase() && keys && a.MFASerial == "" && a.Session != SessionNone
}

// lifetimes says once of each reason which roles get shorter sessions than the file asks for.
func (c *check) lifetimes(n *check, temporary func(*Account) bool) {
	cut := map[string][]string{} // by the defaults' duration: reason → names
	for i := range c.f.Accounts {
		a := &c.f.Accounts[i]
		if a.RoleARN == "" || a.WantedDuration() <= ChainedDuration {
			continue
		}
		gets := a.EffectiveDuration()
		if gets > ChainedDuration && temporary(a) {
			gets = ChainedDuration
		}
		if gets >= a.WantedDuration() {
			continue
		}
		why := whyShorter(a)
		if a.Duration != 0 {
			n.at(&c.nodes[i], "duration", "%q gets %s instead of %s: %s", a.Name, Duration(gets), a.Duration, why)
		} else {
			cut[why] = append(cut[why], a.Name)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(cut)) {
		names, verb := cut[why], "get"
		if len(names) == 1 {
			verb = "gets"
		}
		n.at(member(c.root, "defaults"), "duration", "%s %s %s instead of %s: %s",
			tui.QuoteAll(names), verb, Duration(ChainedDuration), c.f.Defaults.Duration, why)
	}
}

func whyShorter(a *Account) string {
	switch {
	case a.IsChained():
		return "AWS gives no more to a role that is assumed by a role"
	case a.sharesCode():
		return fmt.Sprintf(`one MFA code of %q serves all its roles, for which AWS gives no more; `+
			`a role with a "duration" of its own gets that, and asks for a code itself`, a.SourceAccount().Name)
	}
	return "its source begins with a session, with which AWS gives a role no more"
}
