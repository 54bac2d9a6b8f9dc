package stanza

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/tui"
)

// Check looks at what a program that is given a profile makes of it: at the stanzas, and at what overrides them.
type Check struct {
	File    *accounts.File    // nil if it can't be read
	Only    *accounts.Account // the one to look at more closely, nil for all
	Program *Program
}

// State compares ~/.aws/config with what would be written there.
func (d *Check) State(files *dotaws.Files) (*State, error) {
	chosen := []*accounts.Account{d.Only}
	if d.Only == nil {
		chosen = slices.Collect(d.File.All())
	}
	want, err := For(d.File, d.Program, chosen)
	if err != nil {
		return nil, err
	}
	_, report, err := awsfiles.Edit{Want: want}.Apply(files.Data[awsfiles.Config])
	if err != nil {
		return nil, err
	}
	there, err := inCredentials(want, files.Data[awsfiles.Credentials], false)
	if err != nil {
		return nil, err
	}
	_, credentials, err := awsfiles.Edit{File: awsfiles.Credentials, Want: there}.Apply(files.Data[awsfiles.Credentials])
	if err != nil {
		return nil, err
	}
	s := &State{Config: dotaws.Path(awsfiles.Config), none: len(chosen) - len(want), Taken: report.Conflicts, only: d.Only != nil}
	profile := map[string]string{} // by account
	for _, name := range files.Names() {
		p, _ := files.Profile(name)
		account, ours := p.Account()
		if !ours {
			continue
		}
		profile[strings.ToLower(account)] = name
		if _, err := d.File.Find(account); err != nil {
			s.gone = append(s.gone, account)
		}
	}
	for _, c := range credentials.Changes {
		if c.Action == awsfiles.Updated {
			s.Outdated = append(s.Outdated, c.Account)
		}
	}
	for _, c := range report.Changes {
		other, has := profile[strings.ToLower(c.Account)]
		switch {
		case slices.Contains(s.Outdated, c.Account): // in the credentials file
		case c.Action == awsfiles.Unchanged:
			s.current++
		case c.Action == awsfiles.Updated:
			s.Outdated = append(s.Outdated, c.Account)
		case has:
			s.Elsewhere = append(s.Elsewhere, [2]string{c.Account, other})
		default:
			s.Missing = append(s.Missing, c.Account)
		}
	}
	return s, nil
}

// Ours are the profiles with a stanza of the accounts looked at.
func (d *Check) Ours(files *dotaws.Files) []*awsfiles.Profile {
	var ours []*awsfiles.Profile
	for _, name := range files.Names() {
		p, _ := files.Profile(name)
		if account, ok := p.Account(); ok && (d.Only == nil || strings.EqualFold(account, d.Only.Name)) {
			ours = append(ours, p)
		}
	}
	return ours
}

// Regions finds our profiles without a region.
func (d *Check) Regions(a *finding.Area, files *dotaws.Files) {
	if names := withoutRegion(d.Ours(files)); len(names) > 0 {
		a.Add(finding.Warn, "region", "", fmt.Sprintf("`%s`, then `aws-accounts setup`", setRegion),
			"no region for %s: the AWS CLI asks for --region", some(names))
	}
}

// Shadows finds what overrides our stanzas or clashes with them.
func (d *Check) Shadows(a *finding.Area, files *dotaws.Files) {
	shadowed, ours := 0, d.Ours(files)
	for _, p := range ours {
		shadows := p.Shadows()
		if len(shadows) == 0 {
			continue
		}
		if shadowed++; shadowed > finding.Most {
			continue
		}
		s, more := shadows[0], ""
		if len(shadows) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(shadows)-1)
		}
		a.Add(finding.Fail, "shadow", "", "take that line out, or give the account another \"profile\" and run `aws-accounts setup`",
			"profile %s: %s in line %d of %s%s: %s", p.Name, s.Key, s.Line, dotaws.Path(s.File), more, effect(s))
	}
	if n := shadowed - finding.Most; n > 0 {
		a.Add(finding.Fail, "shadow", "", "", "%d more profiles have settings that override the credential_process", n)
	}
	if shadowed == 0 && len(ours) > 0 {
		what := "them"
		if d.Only != nil {
			what = "it"
		}
		a.OK("shadow", "", "nothing in ~/.aws overrides %s", what)
	}
}

// Usable returns the profile by which programs get the session of the account looked at, and what keeps them from it.
func (d *Check) Usable() (profile string, inTheWay []finding.Finding) {
	a := &finding.Area{}
	profile = d.Only.ProfileName()
	files, err := dotaws.ReadAll()
	var s *State
	if err == nil {
		s, err = d.State(files)
	}
	if err != nil {
		a.Failed(finding.Fail, "aws-files", "", err)
	} else {
		ours := d.Ours(files)
		switch {
		case s.none > 0 || slices.ContainsFunc(ours, func(p *awsfiles.Profile) bool { return p.Name == profile }):
		case len(ours) > 0: // as after setup --profile-prefix
			profile = ours[0].Name
		default:
			s.Tell(a)
		}
		d.Shadows(a, files)
	}
	d.Variables(a)
	return profile, slices.DeleteFunc(a.Findings, func(f finding.Finding) bool { return f.Status == finding.OK })
}

// Variables finds the variables that SDKs prefer to AWS_PROFILE.
func (d *Check) Variables(a *finding.Area) {
	if os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" && os.Getenv("AWS_ROLE_ARN") != "" {
		a.Add(finding.Warn, "environment", "", "`unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN`", "AWS_WEB_IDENTITY_TOKEN_FILE is set: the AWS CLI and SDKs use it instead of AWS_PROFILE")
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return
	}
	if d.File != nil {
		for _, base := range d.Bases() {
			if base.Credentials != nil && base.Credentials.Environment {
				next := ""
				if d.Only != nil {
					next = fmt.Sprintf("`aws-accounts exec %s -- COMMAND` gives the command its session", d.Only.Name)
				}
				a.Add(finding.Note, "environment", "", next, "AWS_ACCESS_KEY_ID is set, where %s begins; programs use it instead of AWS_PROFILE", base.Name)
				return
			}
		}
	}
	set := []string{}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if _, ok := os.LookupEnv(name); ok {
			set = append(set, name)
		}
	}
	a.Add(finding.Warn, "environment", "", fmt.Sprintf("`unset %s`", strings.Join(set, " ")), "AWS_ACCESS_KEY_ID is set: the AWS CLI and SDKs use it instead of AWS_PROFILE")
}

// State says of the accounts looked at which have the stanza that setup would write.
type State struct {
	Config    string // the file's path
	current   int
	none      int // accounts that need no stanza
	Missing   []string
	Outdated  []string
	Elsewhere [][2]string // account and profile, where it's not the one that the accounts file says
	Taken     []awsfiles.Conflict
	gone      []string // accounts that have a stanza and have left the file
	only      bool
}

// Tell adds to a what State has found.
func (s *State) Tell(a *finding.Area) {
	setup := func(names []string) string {
		if s.only {
			return fmt.Sprintf("`aws-accounts setup %s`", names[0])
		}
		return "`aws-accounts setup`"
	}
	switch {
	case s.current == 0:
	case s.only:
		a.OK("profile", "", "its profile in %s is as setup writes it", s.Config)
	default:
		a.OK("profile", "", "%s in %s as setup writes them", tui.Count(s.current, "profile"), s.Config)
	}
	if s.only && s.none > 0 {
		a.OK("profile", "", "it begins with the profile of its own name, and needs no other")
	}
	if len(s.Missing) > 0 {
		status := finding.Fail
		if !s.only && s.current+len(s.Outdated)+len(s.Elsewhere) > 0 { // some are enough for who set up only those
			status = finding.Warn
		}
		a.Add(status, "profile", "", setup(s.Missing), "no profile in %s for %s", s.Config, some(s.Missing))
	}
	if len(s.Outdated) > 0 {
		a.Add(finding.Warn, "profile", "", setup(s.Outdated), "not as setup writes it: the profile of %s", some(s.Outdated))
	}
	for i, e := range s.Elsewhere {
		if i == finding.Most {
			a.Add(finding.Note, "profile", "", "", "%d more have other profiles than the accounts file says", len(s.Elsewhere)-i)
			break
		}
		a.Add(finding.Note, "profile", "", "", "%s has the profile %s, not the one that the accounts file says", e[0], e[1])
	}
	for i, t := range s.Taken {
		if i == finding.Most {
			a.Add(finding.Fail, "profile", "", "", "%d more profiles aren't ours", len(s.Taken)-i)
			break
		}
		a.Add(finding.Fail, "profile", "", fmt.Sprintf("rename [profile %s], or give the account another \"profile\", then `aws-accounts setup`", t.Profile),
			"[profile %s] in line %d of %s: %s", t.Profile, t.Line, s.Config, t.Reason)
	}
	if len(s.gone) > 0 && !s.only {
		a.Add(finding.Warn, "profile", "", fmt.Sprintf("`aws-accounts setup --remove %s`", strings.Join(s.gone[:min(len(s.gone), finding.Most)], " ")),
			"a profile, but no account in the accounts file: %s", some(s.gone))
	}
}

func some(names []string) string { return tui.Some(names, finding.Most) }

func effect(s awsfiles.Shadow) string {
	says := func(who string, plural bool, o awsfiles.Outcome) string {
		one := "s"
		if plural {
			one = ""
		}
		does := map[awsfiles.Outcome]string{awsfiles.Wins: "use%s it instead of the credential_process",
			awsfiles.OnTop: "take%s it on top of the credential_process", awsfiles.Refuses: "refuse%s the profile"}[o]
		if does == "" {
			return ""
		}
		return who + " " + fmt.Sprintf(does, one)
	}
	if s.Go == s.Botocore {
		return says("the AWS CLI and the SDKs", true, s.Go)
	}
	parts := []string{says("the AWS CLI", false, s.Botocore), says("the SDK for Go", false, s.Go)}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// Bases are the base accounts, or the one where the account looked at begins.
func (d *Check) Bases() []*accounts.Account {
	if d.Only != nil {
		if first := d.Only.Chain()[0]; first.IsBase() {
			return []*accounts.Account{first}
		}
		return nil
	}
	var bases []*accounts.Account
	implicit := false
	for a := range d.File.All() {
		if a.IsBase() {
			bases = append(bases, a)
		} else if s := a.SourceAccount(); s != nil && s.Name == "" && !implicit {
			implicit = true
			bases = append(bases, s)
		}
	}
	return bases
}
