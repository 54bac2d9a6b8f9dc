// Package doctor is `aws-accounts doctor`: it looks at each step from a profile to AWS, and says what to do about what it finds.
//
// Invariant: it asks nobody, leaves the session of the account as it is, and changes files only with --fix.
package doctor

import (
	"context"
	"io"
	"sync"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Command is `aws-accounts doctor [NAME]`: looks at the whole way from a profile to AWS, and says what to do about what it
// finds. It asks nobody for an MFA code, leaves the account's own session as it is, and changes files only with --fix. But
// what the account comes through it uses as any call would: the session of a role's source that isn't fresh is got, logged
// and kept, and a sign-in renewed.
type Command struct {
	Name string `arg:"" optional:"" help:"The account to look at more closely, by its name in the accounts file."`
	Fix  bool   `help:"Repair what is safe to repair: permissions of your files, profiles, leftovers."`
	JSON bool   `name:"json" help:"Write one JSON document."`
}

// Help is what --help says besides the flags.
func (*Command) Help() string {
	return `It looks at the accounts file, the keychain, the way to AWS, the clock, the credentials that accounts begin with, the
stanzas in ~/.aws/config and what wins over them, and says what to type about each finding.

  aws-accounts doctor          # everything that concerns all accounts
  aws-accounts doctor dev      # dev as well: its stanza and its role
  aws-accounts doctor --fix    # repairs what is safe, and says what it did
  aws-accounts doctor --json | jq '.findings[] | select(.status == "fail")'

With NAME it assumes the account's role once and throws the session away. The session in the keychain stays as it is;
what a chained role's source lacks is got and kept, as by any call.

The exit status is 0 unless something fails (marked ✗ or FAIL). Notes and warnings don't change it.`
}

// checkup is what the checks have in common. File is nil where the accounts file can't be read.
type checkup struct {
	stanza.Check
	fix      bool
	reader   *accounts.Reader
	resolver *process.Resolver
	log      *process.AccessLog
	entries  []process.Entry // of the log, before we add to it

	keychain, network, bases func() *finding.Area // checks that others wait for: the first who asks has them run
	reached                  bool                 // network has found AWS
}

// How long the checks may take that wait for AWS, each, and for the keychain where nobody sees its dialog.
const (
	awsPatience      = 6 * time.Second
	basesPatience    = 10 * time.Second // all of them
	basesAtOnce      = 8
	keychainPatience = 5 * time.Second
)

// Run shows each part as soon as it and those before it are known. All of them are looked at side by side.
func (c *Command) Run(r *process.Resolver, program *stanza.Program, stdout io.Writer) error {
	d := &checkup{Check: stanza.Check{Program: program}, fix: c.Fix, reader: r.Accounts, log: r.Log, resolver: r.Unattended()}
	d.entries, _ = process.ReadLog(r.Log.Path) // checkOwnFiles says if it can't be read
	file := d.checkAccountsFile()
	if d.File != nil && c.Name != "" {
		var err error
		if d.Only, err = d.File.Find(c.Name); err != nil {
			return err
		}
	}
	screen := tui.ScreenOf(stdout)
	d.keychain = sync.OnceValue(func() *finding.Area { return d.checkKeychain(screen.Width > 0) })
	d.network = sync.OnceValue(d.checkNetwork)
	d.bases = sync.OnceValue(d.checkBases)
	checks := []func() *finding.Area{
		func() *finding.Area { return file }, d.keychain, d.network, d.bases, d.checkProfiles, d.checkEnvironment, d.checkOwnFiles,
	}
	if d.Only != nil {
		checks = append(checks, d.checkAccount)
	}
	found := make([]*finding.Area, len(checks))
	p := &printer{w: stdout, screen: screen, silent: c.JSON}
	for i, a := range concurrently(checks, program) {
		if screen.Width > 0 && !c.JSON {
			select {
			case found[i] = <-a:
				p.area(found[i])
				continue
			case <-time.After(2 * time.Second):
				p.waiting(i == 1)
			}
		}
		found[i] = <-a
		p.area(found[i])
	}
	return c.conclude(found, p, stdout)
}

// concurrently starts all checks and returns where the result of each comes, with steps that are about the same accounts file.
func concurrently(checks []func() *finding.Area, program *stanza.Program) []chan *finding.Area {
	results := make([]chan *finding.Area, len(checks))
	for i, check := range checks {
		results[i] = make(chan *finding.Area, 1)
		go func() {
			a := check()
			for j := range a.Findings {
				a.Findings[j].Hint = program.Step(a.Findings[j].Hint)
			}
			results[i] <- a
		}()
	}
	return results
}

// conclude writes the end, and returns the exit status as an error.
func (c *Command) conclude(found []*finding.Area, p *printer, stdout io.Writer) error {
	document := struct {
		OK       bool              `json:"ok"`
		Fixed    []string          `json:"fixed"`
		Findings []finding.Finding `json:"findings"`
	}{true, []string{}, []finding.Finding{}}
	count := map[finding.Status]int{}
	for _, a := range found {
		document.Fixed = append(document.Fixed, a.Fixed...)
		document.Findings = append(document.Findings, a.Findings...)
		for _, f := range a.Findings {
			count[f.Status]++
		}
	}
	document.OK = count[finding.Fail] == 0
	var err error
	if c.JSON {
		err = tui.JSON(stdout, document, "  ")
	} else {
		err = p.end(count)
	}
	if err == nil && !document.OK {
		err = &hint.ExitStatus{Status: 1}
	}
	return err
}

// patient bounds what a check asks of AWS.
func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), awsPatience)
}
