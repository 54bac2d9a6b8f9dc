// Package sync is `aws-accounts sync`: it brings the accounts file in line with an organization, with Identity Center, or with
// the file that a team shares.
//
// Invariant: it changes and removes only entries that it has made itself.
package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/note"
	"aws-accounts/internal/route"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Command is `aws-accounts sync …`: the accounts that others keep.
type Command struct {
	Organizations Organizations `cmd:"" firstuse:"" help:"Add the accounts of your organization (AWS Organizations)."`
	SSO           SSO           `cmd:"" name:"sso" help:"Add the accounts and permission sets that you have in Identity Center."`
	Shared        Shared        `cmd:"" help:"Fetch the accounts file that a team shares."`
}

// Options are what both ways to fill the accounts file have.
type Options struct {
	Prune        bool                  `help:"Remove the entries whose accounts are gone, with their profiles and sessions. Never one that you made yourself."`
	Setup        bool                  `help:"Write the profiles of all these accounts as well, and bring those up to date that there are."`
	Region       accounts.Region       `help:"The region of accounts that have none." placeholder:"REGION"`
	NameTemplate accounts.NameTemplate `help:"How new entries are called, from now on: {account}, {role} and {id}, with |lower and |strip:TEXT." placeholder:"TEMPLATE"`
	Yes          bool                  `short:"y" help:"Don't ask."`
	DryRun       bool                  `help:"Show all that would change, and change nothing."`
	IfOlderThan  tui.Past              `help:"Do nothing if the last time is not so long ago, as in a shell's profile." placeholder:"24h"`
}

// syncing is one run of either way.
type syncing struct {
	Options
	*process.Resolver
	Asker     *ask.Asker
	Program   *stanza.Program
	Out       io.Writer
	Err       tui.Stderr
	file      *accounts.File
	what      any // the command with its flags: what --if-older-than is about
	throttled atomic.Int64
}

// enoughMemory is what 10,000 accounts need, which are taken apart several times. Then rubbish is collected more often.
const enoughMemory = 64 << 20

// run lists all before anything is compared or changed. what is the command with its flags.
func (o *Options) run(r *process.Resolver, asker *ask.Asker, program *stanza.Program, stdout io.Writer, stderr tui.Stderr, what any,
	list func(context.Context, *syncing) (accounts.Listing, error)) error {
	debug.SetMemoryLimit(enoughMemory)
	s := &syncing{Options: *o, Resolver: r, Asker: asker, Program: program, Out: stdout, Err: stderr, what: what}
	var last time.Time
	if s.IfOlderThan > 0 && note.Read(s.Sessions.Dir, s.note(), &last) {
		if age := s.Sessions.Now().Sub(last); 0 <= age && age < time.Duration(s.IfOlderThan) {
			return nil
		}
	}
	ctx, stop := tui.Interruptible()
	defer stop()
	var err error
	if s.file, err = r.Accounts.File(); err != nil {
		return err
	}
	listing, err := list(ctx, s)
	if err != nil {
		return err
	}
	listing.Names = s.NameTemplate
	if err := s.merge(ctx, listing); err != nil {
		return err
	}
	if !s.DryRun {
		note.Write(s.Sessions.Dir, s.note(), s.Sessions.Now())
	}
	return nil
}

func (s *syncing) note() string {
	data, err := json.Marshal([]any{s.Accounts.Path, s.what})
	if err != nil {
		panic(err) // flags are strings
	}
	sum := sha256.Sum256(data)
	return "synced-" + hex.EncodeToString(sum[:8]) + ".json"
}

// merge brings the accounts file in line with the listing: shows what changes, asks, writes.
func (s *syncing) merge(ctx context.Context, listing accounts.Listing) error {
	file := s.file
	d := file.Compare(listing)
	gone := d.Prunable()
	if err := s.show(listing.From, d); err != nil {
		return err
	}
	if s.DryRun {
		return nil
	}
	if d.Edits() || s.Prune && len(gone) > 0 {
		if err := ask.Consent(ctx, s.Asker, s.Yes, s.question(file, d, gone), !s.Prune || len(gone) == 0); err != nil {
			return err
		}
	}
	if d.Edits() {
		if _, err := s.Accounts.Change(ctx, func(now []byte) ([]byte, error) {
			meanwhile, err := accounts.Parse(file.Path, now)
			if err != nil {
				return nil, err
			}
			again := meanwhile.Compare(listing)
			if !s.Yes && !reflect.DeepEqual(again.Added, d.Added) {
				return nil, hint.New(fmt.Errorf("%s has changed meanwhile and stays as it is", file.Path), "try again")
			}
			d = again
			return d.Apply(file.Path, now)
		}); err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "%s: %s\n", tui.Tilde(file.Path), counted(len(d.Added), "added", len(d.Renamed), "renamed"))
	}
	if s.Prune && len(gone) > 0 {
		if err := s.remove(ctx, gone, listing); err != nil {
			return err
		}
	}
	return s.next(ctx, d)
}

// remove takes out those of the names that still are to go: a question may have stood for long, and its answer is about
// entries as they were.
func (s *syncing) remove(ctx context.Context, names []string, listing accounts.Listing) error {
	reader := s.Accounts.Again()
	file, err := reader.File()
	if err != nil {
		return err
	}
	still := file.Compare(listing).Prunable()
	names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(still, name) })
	if len(names) == 0 {
		return nil
	}
	return stanza.TakeOut(ctx, reader, names, s.Program, s.Sessions, s.Out)
}

func (s *syncing) question(file *accounts.File, d *accounts.Difference, gone []string) string {
	removed := 0
	if s.Prune {
		removed = len(gone)
	}
	return fmt.Sprintf("Write %s: %s?", tui.Tilde(file.Path), counted(len(d.Added), "added", len(d.Renamed), "renamed", removed, "removed"))
}

// counted lists numbers, each followed by what it counts, but zeros.
func counted(numbers ...any) string {
	var parts []string
	for i := 0; i < len(numbers); i += 2 {
		if numbers[i] != 0 {
			parts = append(parts, fmt.Sprint(numbers[i], " ", numbers[i+1]))
		}
	}
	return strings.Join(parts, ", ")
}

func (s *syncing) next(ctx context.Context, d *accounts.Difference) error {
	offered := d.Offered()
	if s.Region != "" || !s.Yes && len(d.Added) > 0 { // who said none isn't asked again at each sync
		if err := stanza.EnsureRegion(ctx, s.Accounts.Again(), s.Asker, s.Region, offered, s.Out); err != nil {
			return err
		}
	}
	switch {
	case s.Setup && len(offered) > 0:
		return (&stanza.Edit{Names: offered}).Run(s.Accounts.Again(), s.Program, s.Out)
	case !s.Setup && len(d.Added) > 0:
		tui.Say(s.Out, "next: `aws-accounts setup` writes their profiles")
		return nil
	}
	return nil
}

// shown is how many lines of a kind are shown where nobody asked to see all.
const shown = 20

// show writes what a listing would change, an account a line, and counts it.
func (s *syncing) show(from string, d *accounts.Difference) error {
	screen := tui.ScreenOf(s.Out)
	table := tui.Table{Header: []string{"", "NAME", "ACCOUNT", "ROLE", ""}, Shrink: []int{3, 4, 1}}
	rows := func(n int, row func(i int) []tui.Cell) {
		for i := range n {
			if i == shown && n > shown+1 && !s.DryRun {
				table.Rows = append(table.Rows, []tui.Cell{{}, {Text: fmt.Sprintf("… %d more", n-i)}, {}, {}, {Text: "--dry-run shows all"}})
				return
			}
			table.Rows = append(table.Rows, row(i))
		}
	}
	line := func(mark string, style tui.Style, a *accounts.Account, what string) []tui.Cell {
		role := accounts.RoleName(a.RoleARN)
		if a.SSO != nil {
			role = a.SSO.RoleName
		}
		return []tui.Cell{{Text: mark, Style: style}, {Text: a.Name, Style: style}, {Text: a.AccountID}, {Text: role}, {Text: what}}
	}
	rows(len(d.Added), func(i int) []tui.Cell { return line("+", tui.Green, &d.Added[i], d.Added[i].Description) })
	rows(len(d.Renamed), func(i int) []tui.Cell {
		r := d.Renamed[i]
		return line("~", tui.Yellow, r.Account, fmt.Sprintf("is called %s there now, no longer %s", r.Called, r.Synced.Name))
	})
	rows(len(d.Vanished), func(i int) []tui.Cell {
		v := d.Vanished[i]
		what := v.Why
		if v.Needed != "" {
			what += ", but the source of " + v.Needed + ": stays"
		} else if !s.Prune {
			what += ": --prune removes it"
		}
		return line("-", tui.Red, v.Account, what)
	})
	leftOut := d.LeftOut
	if len(d.Added) == 0 && !s.DryRun { // they are nothing new
		leftOut = nil
	}
	rows(len(leftOut), func(i int) []tui.Cell {
		l := d.LeftOut[i]
		cells := line("x", tui.Faint, &l.Account, "left out: "+l.LeftOut)
		cells[1].Text = l.Called
		return cells
	})
	if len(table.Rows) > 0 {
		if err := table.Write(s.Out, screen); err != nil {
			return err
		}
		fmt.Fprintln(s.Out)
	}
	_, err := fmt.Fprintf(s.Out, "%s: %s\n", tui.Harmless(from),
		counted(len(d.Added), "new", len(d.Renamed), "renamed", len(d.Vanished), "gone", len(d.LeftOut), "left out", len(d.Same), "up to date"))
	return err
}

// patient returns config for thousands of calls. When AWS refuses the first for coming too fast, they go through a token
// bucket whose rate follows AWS's answers; nothing gives up because others were refused.
func (s *syncing) patient(config aws.Config) aws.Config {
	retryer := throttled{awscall.Counting{RetryerV2: retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = 12
			o.MaxBackoff = 5 * time.Second
			o.RateLimiter = ratelimit.None
		})
	}), Throttled: &s.throttled}}
	config.Retryer = func() aws.Retryer { return retryer }
	if c, ok := config.HTTPClient.(*awshttp.BuildableClient); ok {
		config.HTTPClient = c.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = identitycenter.ListsAtOnce })
	}
	return config
}

// throttled is so patient with throttling alone. Other trouble has the usual number of calls.
type throttled struct{ awscall.Counting }

func (r throttled) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= route.Calls && !awscall.IsThrottled(err) {
		return 0, err
	}
	return r.Counting.RetryDelay(attempt, err)
}

func (s *syncing) progress(text func() string) (stop func()) {
	return tui.Progress(s.Err.Writer, func() string {
		if n := s.throttled.Load(); n > 0 {
			return fmt.Sprintf("%s; AWS has asked us %d times to be slower", text(), n)
		}
		return text()
	})
}

// unchanged is why a listing didn't come to its end.
func unchanged(err error, seen int) error {
	after := ""
	if seen > 0 {
		after = " after " + tui.Count(seen, "account")
	}
	return hint.New(fmt.Errorf("%w%s; nothing was changed", err, after), "%s", hint.Of(err))
}
