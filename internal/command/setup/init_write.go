package setup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// draft works out both files as they will be. A profile with which that doesn't come out well is left as it is, and all is
// worked out again without it.
func (b *beginning) draft(context.Context) error {
	for {
		old := b.oldAccounts
		if old == nil {
			old = []byte(accounts.Empty)
		}
		left := len(b.left)
		var err error
		if b.newAccounts, err = b.editAccounts(old); err != nil {
			return err
		}
		file, err := accounts.Parse(b.resolver.Accounts.Path, b.newAccounts)
		if err != nil {
			return fmt.Errorf("what ~/.aws says makes no valid accounts file: %w", err)
		}
		if b.newConfig, b.report, err = b.editConfig(file, b.oldConfig); err != nil {
			return err
		}
		if err := b.judge(); err != nil {
			return err
		}
		if len(b.left) == left {
			return nil
		}
	}
}

// judge leaves each profile whose credentials wouldn't come from us alone, to all AWS tools alike: whoever uses it is better
// off with what it was.
func (b *beginning) judge() error {
	files, err := awsfiles.Profiles(b.newConfig, b.theirs.Data[awsfiles.Credentials])
	if err != nil {
		return err
	}
	for _, c := range b.report.Conflicts {
		if b.isNew(c.Profile) {
			b.left[c.Profile] = fmt.Sprintf(" in line %d: %s", c.Line, c.Reason)
		}
	}
	for _, c := range b.report.Changes {
		p, _ := files.Profile(c.Profile)
		moves := slices.ContainsFunc(b.imports, func(f accounts.FoundAccount) bool { return f.From == c.Profile })
		shadows := slices.DeleteFunc(p.Shadows(), func(s awsfiles.Shadow) bool {
			return moves && s.IsKey() && s.File == awsfiles.Credentials
		})
		if c.Action != awsfiles.Unchanged && len(shadows) > 0 {
			s := shadows[0]
			b.left[c.Profile] = fmt.Sprintf(": %s in line %d of the %s would still count", s.Key, s.Line, s.File)
		}
	}
	return nil
}

// isNew reports whether an account is to be made of the profile.
func (b *beginning) isNew(profile string) bool {
	return slices.ContainsFunc(b.found.Accounts, func(f accounts.FoundAccount) bool { return f.New && f.From == profile })
}

func (b *beginning) editAccounts(data []byte) ([]byte, error) {
	path := b.resolver.Accounts.Path
	var err error
	edit := func(f func() ([]byte, error)) {
		if err == nil {
			data, err = f()
		}
	}
	if b.writeKeychain {
		edit(func() ([]byte, error) { return accounts.SetKeychain(path, data, b.keychain) })
	}
	refused := map[string]error{}
	kept := b.found.Without(b.left, b.have)
	if b.take {
		for _, s := range b.found.SSOSessions {
			uses := func(f accounts.FoundAccount) bool { return f.SSO != nil && f.SSO.Session == s.Name }
			if !slices.ContainsFunc(kept, uses) {
				continue
			}
			if added, serr := accounts.AddSSOSession(path, data, s); serr != nil {
				if problems, ok := errors.AsType[*accounts.Problems](serr); ok {
					serr = errors.New(problems.List[0].Message)
				}
				refused[s.Name] = fmt.Errorf("its sign-in can't be taken over: %w", serr)
			} else {
				data = added
			}
		}
	}
	b.imports = nil
	bases := false
	common := b.commonRegion()
	if region := cmp.Or(common, string(b.Region)); region != "" && b.have.Defaults.Region == "" {
		edit(func() ([]byte, error) {
			return accounts.SetDefaults(path, data, accounts.Field{Name: "region", Value: fmt.Sprintf("%q", region)})
		})
	}
	for _, f := range kept {
		a := f.Account
		if common != "" {
			a.Region = ""
		}
		switch {
		case f.KeyID != "" && b.importKeys:
			// What used the profile goes on to use it: it becomes the account's own.
			a.Credentials = &accounts.Credentials{Keychain: true}
			if f.New {
				a.Profile = ""
			}
			if b.have.Defaults.ProfilePrefix+a.Name != f.From {
				a.Profile = f.From
			}
			b.imports = append(b.imports, accounts.FoundAccount{Account: a, From: f.From, KeyID: f.KeyID, New: f.New})
			if !f.New {
				fields := []accounts.Field{{Name: "credentials", Value: `{"keychain": true}`}}
				if have, err := b.have.Find(a.Name); err == nil && have.Region == "" && a.Region != "" {
					fields = append(fields, accounts.Field{Name: "region", Value: fmt.Sprintf("%q", a.Region)})
				}
				if a.Profile != "" && f.Profile == "" {
					fields = append(fields, accounts.Field{Name: "profile", Value: fmt.Sprintf("%q", a.Profile)})
				}
				edit(func() ([]byte, error) { return accounts.Set(path, data, a.Name, fields...) })
			}
		case !b.take && (a.RoleARN != "" || a.SSO != nil || a.Way().WebIdentityTokenFile != ""):
			continue
		}
		if f.New {
			var added []byte
			var aerr error
			if a.SSO != nil {
				aerr = refused[a.SSO.Session]
			}
			if aerr == nil {
				added, aerr = accounts.Add(path, data, a)
			}
			if err == nil && aerr != nil { // the file can't hold it
				b.left[f.From] = ": " + aerr.Error()
				continue
			}
			edit(func() ([]byte, error) { return added, aerr })
			bases = bases || a.IsBase()
		}
	}
	if b.identity.AccountID != "" && !bases && len(b.found.Accounts) == 0 && len(b.have.Accounts) == 0 {
		a := accounts.Account{Name: "main", AccountID: b.identity.AccountID, Description: "Main AWS Account"}
		if p := process.ProfileInUse(); p == "" {
			a.Credentials = &accounts.Credentials{Environment: true}
		} else if p != accounts.DefaultProfile {
			a.Credentials = &accounts.Credentials{Profile: p}
		}
		edit(func() ([]byte, error) { return accounts.Add(path, data, a) })
	}
	return data, err
}

// commonRegion is the region of all accounts of a new file, "" if they differ.
func (b *beginning) commonRegion() string {
	if b.oldAccounts != nil || len(b.found.Accounts) < 2 {
		return ""
	}
	region := b.found.Accounts[0].Region
	for _, f := range b.found.Accounts {
		if f.Region != region {
			return ""
		}
	}
	return region
}

// editConfig is setup, and takes over what the owner agreed to.
func (b *beginning) editConfig(file *accounts.File, old []byte) ([]byte, awsfiles.Report, error) {
	var all []*accounts.Account
	for i := range file.Accounts {
		a := &file.Accounts[i]
		if _, left := b.left[a.ProfileName()]; !left && !b.keyless(a) {
			all = append(all, a)
		}
	}
	stanzas, err := stanza.For(file, b.program, all)
	if err != nil {
		return nil, awsfiles.Report{}, err
	}
	agreed := map[string]bool{}
	for _, f := range b.imports {
		agreed[f.From] = true
	}
	if b.take {
		for _, f := range b.found.Accounts {
			if !f.IsBase() || f.Way().WebIdentityTokenFile != "" {
				agreed[f.From] = true
			}
		}
	}
	return awsfiles.Edit{Want: stanzas, TakeOver: func(profile string) bool { return agreed[profile] }}.Apply(old)
}

// keyless: the account begins with a key that nobody has put into the keychain yet. A stanza of it would only fail.
func (b *beginning) keyless(a *accounts.Account) bool {
	return slices.ContainsFunc(b.found.Accounts, func(f accounts.FoundAccount) bool { return f.Keyless && f.Name == a.Name })
}

// confirm shows what would be written.
func (b *beginning) confirm(ctx context.Context) error {
	diff := awsfiles.Diff(tui.Tilde(b.resolver.Accounts.Path), b.oldAccounts, b.newAccounts) +
		awsfiles.Diff(dotaws.Path(awsfiles.Config), b.oldConfig, b.newConfig)
	for _, profile := range slices.Sorted(maps.Keys(b.left)) {
		b.say("left     [profile %s]%s", profile, b.left[profile])
	}
	for _, c := range b.report.Conflicts {
		b.say("left     [profile %s] in line %d: %s", c.Profile, c.Line, c.Reason)
	}
	if diff == "" && len(b.imports) == 0 {
		b.say("Nothing to write: all files are as they should be.")
		b.over = true
		b.tellNext(ctx)
		return nil
	}
	fmt.Fprint(b.out, diff)
	for _, f := range b.imports {
		b.say("%s: access key %s goes from [%s] into the keychain", dotaws.Path(awsfiles.Credentials), f.KeyID, f.From)
	}
	fmt.Fprintln(b.out)
	for _, f := range b.imports {
		if f.MFASerial == "" && f.Session != accounts.SessionNone {
			b.say("note: profile %s hands out a session then, with which AWS refuses IAM calls and GetSessionToken; `aws-accounts edit %s --session=none` has it hand out the key itself",
				f.From, f.Name)
		}
	}
	if b.DryRun {
		b.say("Nothing was written (--dry-run).")
		b.over = true
		return nil
	}
	if b.Yes {
		return nil
	}
	ok, err := b.resolver.MFA.Asker.Confirm(ctx, "Write all this?", true)
	if err == nil && !ok {
		err = errors.New("nothing was written")
	}
	return hint.New(err, "--yes writes without asking")
}

// write goes in the order in which each step leaves something that works.
func (b *beginning) write(ctx context.Context) error {
	file, err := accounts.Parse(b.resolver.Accounts.Path, b.newAccounts)
	if err != nil {
		return err
	}
	keys := make([]aws.Credentials, len(b.imports))
	for i, f := range b.imports {
		if keys[i], err = b.storeKey(ctx, file, f); err != nil {
			return err
		}
	}
	_, err = b.resolver.Accounts.Change(ctx, func(now []byte) ([]byte, error) {
		if b.oldAccounts != nil && !bytes.Equal(now, b.oldAccounts) {
			return nil, hint.ChangedMeanwhile(b.resolver.Accounts.Path, "init")
		}
		return b.newAccounts, nil
	})
	if err != nil {
		return err
	}
	if b.oldAccounts == nil {
		b.say("wrote    %s", b.resolver.Accounts.Path)
	} else if !bytes.Equal(b.oldAccounts, b.newAccounts) {
		b.say("changed  %s", b.resolver.Accounts.Path)
	}
	backup, err := b.writeConfig(ctx)
	if err != nil {
		return err
	}
	for i, f := range b.imports {
		if err := b.dropKey(ctx, f, keys[i]); err != nil {
			return err
		}
	}
	b.tellDone(backup)
	b.tellNext(ctx)
	return nil
}

// tellDone says in short what has been done and left, and how to undo it.
func (b *beginning) tellDone(backup string) {
	var taken, moved []string
	for _, c := range b.report.Changes {
		if c.Action == awsfiles.TakenOver {
			taken = append(taken, c.Profile)
		}
	}
	undo := "`aws-accounts setup --remove` takes the profiles out again"
	if backup != "" {
		config := strings.TrimSuffix(backup, dotaws.BackupEnd)
		undo = tui.Tilde(fmt.Sprintf("`cp %s %s` brings the profiles back", hint.Word(backup), hint.Word(config)))
	}
	for _, f := range b.imports {
		moved = append(moved, f.KeyID+" of "+f.From)
	}
	if len(moved) > 0 {
		undo += "; `aws configure` writes a key into ~/.aws again"
	}
	fmt.Fprintln(b.out)
	for _, line := range []struct {
		what  string
		names []string
	}{{"taken over", taken}, {"moved", moved}, {"left", slices.Sorted(maps.Keys(b.left))}} {
		if n := len(line.names); n > 0 {
			b.say("%-10s %d: %s", line.what, n, tui.Some(line.names, finding.Most))
		}
	}
	b.say("%-10s %s", "undo", undo)
}

// storeKey puts a key into the keychain, as `keys import` does, and proves it there.
func (b *beginning) storeKey(ctx context.Context, file *accounts.File, f accounts.FoundAccount) (aws.Credentials, error) {
	in := accesskey.InFile{Profile: f.From}
	key, err := in.Read()
	if err != nil {
		return key, err
	}
	a, err := file.Find(f.Name)
	if err != nil {
		return key, err
	}
	release, err := accesskey.Lock(ctx, b.resolver, a.Name)
	if err != nil {
		return key, err
	}
	defer release()
	if err := accesskey.MayStore(ctx, b.resolver, a, key.AccessKeyID, false); err != nil {
		return key, err
	}
	stored, err := accesskey.Store(ctx, b.resolver, a, f.From, key)
	if err != nil {
		return key, err
	}
	b.say("stored   access key %s of %s in the keychain (%s)", stored.Current.ID, a.Name, b.resolver.Sessions.Keychain.Backend())
	return key, nil
}

func (b *beginning) writeConfig(ctx context.Context) (backup string, err error) {
	backup, err = dotaws.Change(ctx, awsfiles.Config, func(now []byte) ([]byte, error) {
		if !bytes.Equal(now, b.oldConfig) {
			return nil, hint.ChangedMeanwhile(dotaws.Path(awsfiles.Config), "init")
		}
		return b.newConfig, nil
	})
	if err != nil || bytes.Equal(b.newConfig, b.oldConfig) {
		return "", err
	}
	b.say("changed  %s", dotaws.Path(awsfiles.Config))
	if backup != "" {
		b.say("backup   %s", backup)
	}
	return backup, nil
}

func (b *beginning) dropKey(ctx context.Context, f accounts.FoundAccount, key aws.Credentials) error {
	if err := (accesskey.InFile{Profile: f.From}).Take(ctx, key); err != nil {
		return err
	}
	b.say("removed  access key %s from %s", f.KeyID, dotaws.Path(awsfiles.Credentials))
	return nil
}

// tellNext ends with what to type.
func (b *beginning) tellNext(ctx context.Context) {
	file, err := accounts.Parse(b.resolver.Accounts.Path, b.newAccounts)
	if err != nil {
		return
	}
	if files, err := awsfiles.Profiles(b.newConfig, b.theirs.Data[awsfiles.Credentials]); err == nil {
		if err := stanza.Unreadable(files); err != nil {
			b.say("warning: %s", err)
		}
	}
	var try *accounts.Account
	signIn := map[string]bool{}
	for i := range file.Accounts {
		a := &file.Accounts[i]
		if b.keyless(a) {
			continue
		}
		if a.SSO != nil && !signIn[a.SSO.Session] && b.take {
			signIn[a.SSO.Session] = true
			b.say("next: `aws-accounts sso login %s` signs in", a.SSO.Session)
		}
		if try == nil || try.IsBase() && a.RoleARN != "" {
			try = a
		}
	}
	if try == nil && b.nobody && len(signIn) == 0 {
		b.say("next: `aws configure`, then `aws-accounts init` again; or `aws-accounts keys add main`; or `%s`", firstSignIn)
		return
	}
	if try == nil {
		b.say("next: `aws-accounts add NAME --role-arn=ARN --setup` adds an account")
		return
	}
	if b.tellMissing(ctx, file, try) {
		return
	}
	b.say("\nTry:\n\n  aws s3 ls --profile %s", hint.Word(try.ProfileName()))
}

const firstSignIn = "aws-accounts sso login --start-url=URL --region=REGION"

// tellMissing says that there are no credentials to begin with on the way to a, and what to do.
func (b *beginning) tellMissing(ctx context.Context, file *accounts.File, a *accounts.Account) bool {
	base := a.Chain()[0]
	if base.SSO != nil {
		return false
	}
	_, _, err := b.resolver.Client(ctx, base)
	if err == nil {
		return false
	}
	step := hint.Of(err)
	switch way := base.Way(); {
	case base.Name == "":
		step = "`aws configure`"
	case errors.Is(err, process.ErrNoCredentials) && way.Profile == accounts.DefaultProfile:
		step = fmt.Sprintf("`aws configure`, `aws-accounts keys add %s`, or `%s`", base.Name, firstSignIn)
	case errors.Is(err, process.ErrNoCredentials):
		step = fmt.Sprintf("`aws configure --profile %s`, `aws-accounts keys add %s`, or `%s`", hint.Word(way.Profile), base.Name, firstSignIn)
	}
	b.say("Nothing to try yet: %s\nnext: %s", err, step)
	return true
}
