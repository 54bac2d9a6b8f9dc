// Package stanza owns our profiles in ~/.aws/config: what is written there for an account, whether it is there, and what
// overrides it.
//
// Invariant: a profile that isn't ours is never changed.
package stanza

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Edit is a change of the stanzas in ~/.aws/config.
type Edit struct {
	Names  []string // of the accounts; none for all
	DryRun bool     // only show it
	Remove bool     // take the stanzas out
	Prefix *string  // of the profiles' names, instead of what the accounts file says

	CredentialsFile bool // write into ~/.aws/credentials, too, for programs that read only that file
}

// Run edits ~/.aws/config. Profiles that aren't ours stay as they are and make the command fail in the end, after all
// others are written.
func (c *Edit) Run(r *accounts.Reader, program *Program, stdout io.Writer) error {
	if p := c.Prefix; p != nil && *p != "" && !accounts.IsProfileName(*p) {
		return hint.Usage(fmt.Errorf("--profile-prefix: no profile's name can begin with %s", tui.Quote(*p)),
			"it must be %s, as in --profile-prefix=aa-", accounts.ProfileNames)
	}
	file, err := r.File()
	if err != nil {
		return err
	}
	if c.Prefix != nil {
		file.Defaults.ProfilePrefix = *c.Prefix
	}
	theirs, err := dotaws.ReadAll()
	if err != nil {
		return err
	}
	var conflicts []awsfiles.Conflict
	path := "" // of the first of them
	now := map[awsfiles.File][]byte{}
	for _, which := range []awsfiles.File{awsfiles.Config, awsfiles.Credentials} {
		var report awsfiles.Report
		edit := func(old []byte) (edited []byte, err error) {
			edited, report, err = c.edit(which, file, program, old)
			now[which] = edited
			return edited, err
		}
		old := theirs.Data[which]
		edited, err := edit(old)
		switch {
		case err != nil:
			return err
		case which == awsfiles.Credentials && len(report.Changes)+len(report.Conflicts) == 0: // nothing of ours is there
			continue
		case c.DryRun:
			fmt.Fprint(stdout, awsfiles.Diff(dotaws.Path(which), old, edited))
		default:
			if _, err := dotaws.Change(context.Background(), which, edit); err != nil {
				return err
			}
		}
		tell(stdout, dotaws.Path(which), report, c.DryRun)
		if len(conflicts) == 0 {
			path = dotaws.Path(which)
		}
		conflicts = append(conflicts, report.Conflicts...)
	}
	files, err := awsfiles.Profiles(now[awsfiles.Config], now[awsfiles.Credentials])
	if err != nil {
		return err
	}
	if !c.Remove {
		if err := c.tellCaveats(stdout, file, files); err != nil {
			return err
		}
	}
	if n := len(conflicts); n > 0 {
		step := "give the account another name: \"profile\": \"…\", or use --profile-prefix"
		if first := conflicts[0]; first.Line > 0 {
			step = fmt.Sprintf("rename [profile %s] in line %d, or %s", first.Profile, first.Line, step)
		}
		return hint.New(fmt.Errorf("%d of the profiles in %s are not ours and were left as they are", n, path), "%s", step)
	}
	return Unreadable(files)
}

// Unreadable is an error that names what keeps the AWS CLI from reading one of the files at all.
func Unreadable(files *awsfiles.Files) error {
	for _, which := range []awsfiles.File{awsfiles.Config, awsfiles.Credentials} {
		for _, p := range files.Problems(which) {
			if p.Fatal {
				where := fmt.Sprintf("line %d of %s", p.Line, dotaws.Path(which))
				return hint.New(fmt.Errorf("%s: %s: the %s refuses the whole file", where, p.Text, p.By),
					"correct %s; `aws-accounts doctor` shows all that is wrong with it", where)
			}
		}
	}
	return nil
}

func (c *Edit) edit(which awsfiles.File, file *accounts.File, program *Program, old []byte) ([]byte, awsfiles.Report, error) {
	if c.Remove {
		return awsfiles.Edit{File: which, Remove: func(_, account string) bool {
			return len(c.Names) == 0 || slices.ContainsFunc(c.Names, func(n string) bool { return strings.EqualFold(n, account) })
		}}.Apply(old)
	}
	chosen, err := c.chosen(file)
	if err != nil {
		return nil, awsfiles.Report{}, err
	}
	want, err := For(file, program, chosen)
	if err != nil {
		return nil, awsfiles.Report{}, err
	}
	if which == awsfiles.Credentials {
		want, err = inCredentials(want, old, c.CredentialsFile)
		if err != nil {
			return nil, awsfiles.Report{}, err
		}
		return awsfiles.Edit{File: which, Want: want}.Apply(old)
	}
	edited, report, err := awsfiles.Edit{Want: want}.Apply(old)
	beginnings := file.Beginnings()
	for _, a := range chosen {
		if base, begins := beginnings[a.ProfileName()]; begins && base != a {
			report.Conflicts = append(report.Conflicts, awsfiles.Conflict{Profile: a.ProfileName(),
				Reason: "credentials begin at it, so that it can't be the profile of " + tui.Quote(a.Name)})
		}
	}
	return edited, report, err
}

// inCredentials are the stanzas that the credentials file should hold: all, or those that it holds already. It says nothing but
// where credentials come from.
func inCredentials(want []awsfiles.Stanza, old []byte, all bool) ([]awsfiles.Stanza, error) {
	files, err := awsfiles.Profiles(nil, old)
	if err != nil {
		return nil, err
	}
	var there []awsfiles.Stanza
	for _, w := range want {
		if p, _ := files.Profile(w.Profile); all || p.InCredentials() {
			w.Region = ""
			there = append(there, w)
		}
	}
	return there, nil
}

// For are what setup writes for the accounts chosen. A profile that credentials begin at gets none: it would call us to
// find out where they begin. Of an account that begins with the very profile that would be its own, it is the profile.
func For(file *accounts.File, program *Program, chosen []*accounts.Account) ([]awsfiles.Stanza, error) {
	var want []awsfiles.Stanza
	beginnings := file.Beginnings()
	for _, a := range chosen {
		if _, begins := beginnings[a.ProfileName()]; begins {
			continue
		}
		command, err := awsfiles.Command(program.Path, append(slices.Clone(program.Args), a.Name), runtime.GOOS)
		if err != nil {
			return nil, hint.New(fmt.Errorf("no profile can start %s: %w", program.Path, err), "install aws-accounts at another path")
		}
		stanza := awsfiles.Stanza{Profile: a.ProfileName(), Command: command, Region: a.EffectiveRegion()}
		if stanza.Account() == "" {
			return nil, hint.New(fmt.Errorf("no profile can start %s: ours are known by a program called aws-accounts", program.Path),
				"install it as aws-accounts, or run a link of that name: `ln -s %s ~/.local/bin/aws-accounts`", hint.Word(program.Path))
		}
		want = append(want, stanza)
	}
	return want, nil
}

// chosen are the accounts named, or all. With --remove a name may be one that has left the file.
func (c *Edit) chosen(file *accounts.File) ([]*accounts.Account, error) {
	switch {
	case c.Remove:
		return nil, nil
	case len(c.Names) == 0:
		return slices.Collect(file.All()), nil
	}
	return file.Select(c.Names)
}

// tell says what was done, an account a line, and how many were right already.
func tell(w io.Writer, path string, report awsfiles.Report, dryRun bool) {
	unchanged := 0
	for _, change := range report.Changes {
		if change.Action == awsfiles.Unchanged {
			unchanged++
		} else if !dryRun {
			fmt.Fprintf(w, "%-8s [profile %s]\n", change.Action, change.Profile)
		}
	}
	for _, conflict := range report.Conflicts {
		where := ""
		if conflict.Line > 0 {
			where = fmt.Sprintf(" in line %d", conflict.Line)
		}
		tui.Sayf(w, "left     [profile %s]%s: %s", conflict.Profile, where, conflict.Reason)
	}
	switch changed := len(report.Changes) - unchanged; {
	case changed == 0 && unchanged == 0 && len(report.Conflicts) == 0:
		fmt.Fprintf(w, "%s: nothing to do\n", path)
	case changed == 0:
		fmt.Fprintf(w, "%s: unchanged, %d up to date\n", path, unchanged)
	case dryRun:
		fmt.Fprintf(w, "%s: %d would change, %d up to date\n", path, changed, unchanged)
	default:
		fmt.Fprintf(w, "%s: %d changed, %d up to date\n", path, changed, unchanged)
	}
}

// tellCaveats names what keeps a stanza from working: what wins over it, above all forgotten keys in the credentials file
// (aws/aws-cli#5109), and that it has no region, without which botocore calls nothing.
func (c *Edit) tellCaveats(w io.Writer, file *accounts.File, files *awsfiles.Files) error {
	chosen, err := c.chosen(file)
	if err != nil {
		return err
	}
	var ours []*awsfiles.Profile
	for _, a := range chosen {
		p, ok := files.Profile(a.ProfileName())
		if !ok {
			continue
		}
		if _, ours := p.Account(); !ours {
			continue
		}
		ours = append(ours, p)
		for _, shadow := range p.Shadows() {
			tui.Sayf(w, "warning: %s of profile %s (%s, line %d) overrides its credential_process: take that line out",
				shadow.Key, p.Name, shadow.File, shadow.Line)
		}
	}
	if names := withoutRegion(ours); len(names) > 0 {
		tui.Sayf(w, "note: no region for %s, so that the AWS CLI asks for --region: `%s`, then `aws-accounts setup`", tui.QuoteAll(names), setRegion)
	}
	return nil
}

const setRegion = "aws-accounts edit --defaults --region=REGION"

// withoutRegion are the accounts of those of our profiles for which botocore finds no region.
func withoutRegion(ours []*awsfiles.Profile) (names []string) {
	for _, p := range ours {
		account, _ := p.Account()
		if _, set := p.Get(awsfiles.Botocore, "region"); !set && os.Getenv("AWS_DEFAULT_REGION") == "" {
			names = append(names, account)
		}
	}
	return names
}

// TakeOut takes accounts out of the accounts file, with their stanzas and sessions. It goes from what depends to what is
// depended on: stanza, entry, session. Stopped in between, what is left is whole.
func TakeOut(ctx context.Context, r *accounts.Reader, names []string, program *Program, sessions *cache.Sessions, stdout io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	if err := (&Edit{Names: names, Remove: true}).Run(r, program, stdout); err != nil {
		return err
	}
	if _, err := r.Change(ctx, func(old []byte) ([]byte, error) {
		return accounts.Remove(r.Path, old, names...)
	}); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: removed %s\n", tui.ShowPath(r.Path), strings.Join(names, ", "))
	for _, name := range names {
		if a, err := file.Find(name); err == nil && a.Way().Keychain {
			tui.Sayf(stdout, "next: the access key of %s is still in the keychain; `aws-accounts keys remove %s` forgets it", a.Name, a.Name)
		}
	}
	if _, err := sessions.Forget(ctx, names); err != nil {
		return fmt.Errorf("removed, but the sessions could not be forgotten: %w", err)
	}
	return nil
}
