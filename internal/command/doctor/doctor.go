// Package doctor is `aws-accounts doctor`: it looks at each step from a profile to AWS, and says what to do about what it finds.
//
// Invariant: it asks nobody, leaves the session of the account as it is, and changes files only with --fix.
package doctor

import (
	"context"
	"io"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
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
	Fix  bool   `help:"Repair what is safe to repair: permissions of your files, stanzas, leftovers."`
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

// checkup is what the checks have in common. resolver and file are nil where the accounts file can't be read.
type checkup struct {
	stanza.Check
	fix      bool
	reader   *accounts.Reader
	resolver *process.Resolver
	log      *process.AccessLog
	entries  []process.Entry // of the log, before we add to it

	keychain chan struct{} // closed when the keychain has been looked at, and opened if need be
	network  chan struct{} // closed when AWS has been tried
	bases    chan struct{} // closed when the base accounts have been tried
	reached  bool          // AWS has answered; valid once network is closed
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
	d := &checkup{Check: stanza.Check{Program: program}, fix: c.Fix, reader: r.Accounts, log: r.Log, keychain: make(chan struct{}), network: make(chan struct{}), bases: make(chan struct{})}
	d.entries, _ = process.ReadLog(r.Log.Path) // checkOwnFiles says if it can't be read
	file := d.checkAccountsFile()
	if d.File != nil {
		if c.Name != "" {
			a, err := d.File.Find(c.Name)
			if err != nil {
				return err
			}
			d.Only = a
		}
		d.resolver = unattended(r)
	}

	environment := d.checkEnvironment() // before others change it while they load the SDK's configuration
	screen := tui.ScreenOf(stdout)
	checks := []func() *finding.Area{
		func() *finding.Area { return file },
		func() *finding.Area { defer close(d.keychain); return d.checkKeychain(screen.Width > 0) },
		func() *finding.Area { defer close(d.network); return d.checkNetwork() },
		func() *finding.Area { defer close(d.bases); return d.checkBases() },
		d.checkProfiles,
		func() *finding.Area { return environment },
		d.checkOwnFiles,
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

// unattended is r for looking only: it asks nobody, opens no browser, and what it stumbles over isn't news for the log.
func unattended(r *process.Resolver) *process.Resolver {
	quiet := *r.Sessions
	quiet.Report = func(string, error) {}
	u := *r
	u.Sessions = &quiet
	nobody := &ask.Asker{Never: true}
	u.MFA = &process.MFA{Asker: nobody, Dir: r.MFA.Dir, Now: r.MFA.Now}
	u.SSO = &process.SSO{Asker: nobody, Unattended: true}
	return &u
}

// patient bounds what a check asks of AWS.
func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), awsPatience)
}
