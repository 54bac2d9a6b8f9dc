package process

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/tui"
)

// checkProfiles looks at the files that SDKs read, and at what they make of our stanzas.
func (d *checkup) checkProfiles() *finding.Area {
	a := &finding.Area{Title: "Profiles in ~/.aws"}
	files, err := dotaws.ReadAll()
	if err != nil {
		a.Failed(finding.Fail, "aws-files", "", err)
		return a
	}
	check(files, a, d.fix)
	if d.File == nil {
		return a
	}
	s, err := d.stanzas(files)
	if err == nil && d.fix && len(s.missing)+len(s.outdated) > 0 {
		files, s, err = d.writeStanzas(a, s)
	}
	if err != nil {
		a.Failed(finding.Fail, "stanza", "", err)
		return a
	}
	s.tell(a)
	d.checkCommands(a, files)
	d.checkShadows(a, files)
	return a
}

// writeStanzas runs setup for what is missing or outdated, and looks again.
func (d *checkup) writeStanzas(a *finding.Area, before *stanzas) (*dotaws.Files, *stanzas, error) {
	edit := accounts.StanzaEdit{}
	if d.Only != nil || len(before.elsewhere) > 0 {
		edit.Names = append(slices.Clone(before.missing), before.outdated...)
	}
	trouble := edit.Run(d.reader, d.Program, io.Discard)
	files, err := dotaws.ReadAll()
	if err != nil {
		return nil, nil, err
	}
	after, err := d.stanzas(files)
	if err != nil {
		return nil, nil, err
	}
	if trouble != nil && len(after.taken) == 0 { // profiles that aren't ours are in the findings
		return nil, nil, trouble
	}
	if wrote := len(before.missing) + len(before.outdated) - len(after.missing) - len(after.outdated); wrote > 0 {
		a.Fixed = append(a.Fixed, tui.Count(wrote, "stanza")+" written into "+after.config)
	}
	return files, after, nil
}

// check looks at the files themselves.
func check(f *dotaws.Files, a *finding.Area, fix bool) {
	fatal := 0
	for _, file := range []awsfiles.File{awsfiles.Config, awsfiles.Credentials} {
		problems := f.Problems(file)
		slices.SortStableFunc(problems, func(x, y awsfiles.Problem) int { // what keeps a program from reading it comes first
			switch {
			case x.Fatal == y.Fatal:
				return 0
			case x.Fatal:
				return -1
			}
			return 1
		})
		for i, p := range problems {
			if i == finding.Most {
				a.Add(finding.Note, "aws-files", "", "", "%d more of this kind in %s", len(problems)-i, f.Path[file])
				break
			}
			if p.Fatal {
				fatal++
				a.Add(finding.Fail, "aws-files", "", fmt.Sprintf("correct line %d of %s", p.Line, f.Path[file]),
					"%s, line %d: %s; the %s refuses the whole file", f.Path[file], p.Line, p.Text, p.By)
			} else {
				a.Add(finding.Note, "aws-files", "", "", "%s, line %d: %s", f.Path[file], p.Line, p.Text)
			}
		}
		checkMode(f, a, file, fix)
	}
	if fatal == 0 {
		a.OK("aws-files", "", "the AWS CLI and the SDKs can read %s", f.Path[awsfiles.Config])
	}
}

// checkMode: whoever writes the config file says which commands are run; whoever reads the credentials file has the keys.
func checkMode(f *dotaws.Files, a *finding.Area, file awsfiles.File, fix bool) {
	where, forbidden, status, can := place.AWSConfig, os.FileMode(0o022), finding.Fail, "change %s, which names commands to run"
	if file == awsfiles.Credentials {
		where, forbidden, status, can = place.AWSCredentials, 0o077, finding.Warn, "read %s, which holds keys"
	}
	path, err := where()
	if err != nil || runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&forbidden == 0 || file == awsfiles.Credentials && len(f.Data[file]) == 0 {
		return
	}
	right := info.Mode().Perm() &^ forbidden
	if fix && os.Chmod(path, right) == nil {
		a.Fixed = append(a.Fixed, fmt.Sprintf("others can no longer "+can, f.Path[file]))
		return
	}
	a.Add(status, "aws-files-permissions", "", fmt.Sprintf("`chmod %o %s`, or `aws-accounts doctor --fix`", right, path), "others can "+can, f.Path[file])
}

// StanzaCheck looks at what a program that is given a profile makes of it: at the stanzas, and at what overrides them.
type StanzaCheck struct {
	File    *accounts.File    // nil if it can't be read
	Only    *accounts.Account // the one to look at more closely, nil for all
	Program *accounts.Program
}

// stanzas says of the accounts looked at which have the stanza that setup would write.
type stanzas struct {
	config    string // the file's path
	current   int
	none      int // accounts that need no stanza
	missing   []string
	outdated  []string
	elsewhere [][2]string // account and profile, where it's not the one that the accounts file says
	taken     []awsfiles.Conflict
	gone      []string // accounts that have a stanza and have left the file
	only      bool
}

func (d *StanzaCheck) stanzas(files *dotaws.Files) (*stanzas, error) {
	chosen := []*accounts.Account{d.Only}
	if d.Only == nil {
		chosen = chosen[:0]
		for i := range d.File.Accounts {
			chosen = append(chosen, &d.File.Accounts[i])
		}
	}
	want, err := accounts.Stanzas(d.File, d.Program, chosen)
	if err != nil {
		return nil, err
	}
	_, report, err := awsfiles.EditConfig(files.Data[awsfiles.Config], want, nil)
	if err != nil {
		return nil, err
	}
	s := &stanzas{config: files.Path[awsfiles.Config], none: len(chosen) - len(want), taken: report.Conflicts, only: d.Only != nil}
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
	for _, c := range report.Changes {
		other, has := profile[strings.ToLower(c.Account)]
		switch {
		case c.Action == awsfiles.Unchanged:
			s.current++
		case c.Action == awsfiles.Updated:
			s.outdated = append(s.outdated, c.Account)
		case has:
			s.elsewhere = append(s.elsewhere, [2]string{c.Account, other})
		default:
			s.missing = append(s.missing, c.Account)
		}
	}
	return s, nil
}

func (s *stanzas) tell(a *finding.Area) {
	setup := func(names []string) string {
		if s.only {
			return fmt.Sprintf("`aws-accounts setup %s`", names[0])
		}
		return "`aws-accounts setup`"
	}
	switch {
	case s.current == 0:
	case s.only:
		a.OK("stanza", "", "its stanza in %s is as setup writes it", s.config)
	default:
		a.OK("stanza", "", "%s in %s as setup writes them", tui.Count(s.current, "stanza"), s.config)
	}
	if s.only && s.none > 0 {
		a.OK("stanza", "", "it begins with the profile of its own name, which needs no stanza")
	}
	if len(s.missing) > 0 {
		status := finding.Fail
		if !s.only && s.current+len(s.outdated)+len(s.elsewhere) > 0 { // some are enough for who set up only those
			status = finding.Warn
		}
		a.Add(status, "stanza", "", setup(s.missing), "no stanza in %s for %s", s.config, some(s.missing))
	}
	if len(s.outdated) > 0 {
		a.Add(finding.Warn, "stanza", "", setup(s.outdated), "not as setup writes it: the stanza of %s", some(s.outdated))
	}
	for i, e := range s.elsewhere {
		if i == finding.Most {
			a.Add(finding.Note, "stanza", "", "", "%d more have other profiles than the accounts file says", len(s.elsewhere)-i)
			break
		}
		a.Add(finding.Note, "stanza", "", "", "%s has the profile %s, not the one that the accounts file says", e[0], e[1])
	}
	for i, t := range s.taken {
		if i == finding.Most {
			a.Add(finding.Fail, "stanza", "", "", "%d more profiles aren't ours", len(s.taken)-i)
			break
		}
		a.Add(finding.Fail, "stanza", "", fmt.Sprintf("rename [profile %s], or give the account another \"profile\", then `aws-accounts setup`", t.Profile),
			"[profile %s] in line %d of %s: %s", t.Profile, t.Line, s.config, t.Reason)
	}
	if len(s.gone) > 0 && !s.only {
		a.Add(finding.Warn, "stanza", "", fmt.Sprintf("`aws-accounts setup --remove %s`", strings.Join(s.gone[:min(len(s.gone), finding.Most)], " ")),
			"a stanza, but no account in the accounts file: %s", some(s.gone))
	}
}

// some names a few.
func some(names []string) string {
	if n := len(names) - finding.Most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:finding.Most], ", "), n)
	}
	return strings.Join(names, ", ")
}

// ours are the profiles with a stanza of the accounts looked at.
func (d *StanzaCheck) ours(files *dotaws.Files) []*awsfiles.Profile {
	var ours []*awsfiles.Profile
	for _, name := range files.Names() {
		p, _ := files.Profile(name)
		if account, ok := p.Account(); ok && (d.Only == nil || strings.EqualFold(account, d.Only.Name)) {
			ours = append(ours, p)
		}
	}
	return ours
}

// checkCommands looks at what the stanzas start: once for each program.
func (d *checkup) checkCommands(a *finding.Area, files *dotaws.Files) {
	seen := map[string]bool{}
	alike := true
	for _, p := range d.ours(files) {
		found, _ := p.Get(awsfiles.Both, "credential_process")
		program := awsfiles.Program(found.Value, runtime.GOOS)
		if seen[program] {
			continue
		}
		seen[program] = true
		misreads := awsfiles.Misreads(found.Value, runtime.GOOS)
		for _, m := range misreads {
			status, next := finding.Warn, "install aws-accounts at a path of plain characters, then `aws-accounts setup`"
			if m.Hard {
				status, next = finding.Fail, "`aws-accounts setup` writes a command that all understand"
			}
			a.Add(status, "command", "", next, "the command of profile %s: %s %s", p.Name, m.Who, m.What)
			alike = false
		}
		if !slices.ContainsFunc(misreads, func(m awsfiles.Misread) bool { return m.Hard }) {
			alike = d.checkProgram(a, p.Name, program) && alike
		}
	}
	if alike && len(seen) > 0 {
		what := "they start this program, in a way"
		if d.Only != nil {
			what = "it starts this program, in a way"
		}
		a.OK("command", "", "%s that every SDK splits alike", what)
	}
}

func (d *checkup) checkProgram(a *finding.Area, profile, program string) (ok bool) {
	info, err := os.Stat(program)
	switch {
	case err != nil:
		a.Add(finding.Fail, "program", "", "`aws-accounts setup`", "profile %s starts %s, which can't be found (%s)", profile, program, hint.WithoutPath(err))
	case info.IsDir():
		a.Add(finding.Fail, "program", "", "`aws-accounts setup`", "profile %s starts %s, which is a folder", profile, program)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		a.Add(finding.Fail, "program", "", fmt.Sprintf("`chmod +x %s`", program), "profile %s starts %s, which isn't executable", profile, program)
	default:
		if own, err := os.Stat(d.Program.Path); err == nil && !os.SameFile(own, info) {
			a.Add(finding.Warn, "program", "", fmt.Sprintf("`aws-accounts setup` makes it start %s", tui.Tilde(d.Program.Path)),
				"profile %s starts another program than this one: %s", profile, program)
			return false
		}
		return true
	}
	return false
}

// checkShadows finds what wins over our stanzas or clashes with them.
func (d *StanzaCheck) checkShadows(a *finding.Area, files *dotaws.Files) {
	shadowed, ours := 0, d.ours(files)
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
			"profile %s: %s in line %d of %s%s: %s", p.Name, s.Key, s.Line, files.Path[s.File], more, effect(s))
	}
	if n := shadowed - finding.Most; n > 0 {
		a.Add(finding.Fail, "shadow", "", "", "%d more profiles have settings that win over the stanza", n)
	}
	if shadowed == 0 && len(ours) > 0 {
		what := "them"
		if d.Only != nil {
			what = "it"
		}
		a.OK("shadow", "", "nothing in ~/.aws wins over %s", what)
	}
}

// effect is what a setting beside the stanza makes the readers do.
func effect(s awsfiles.Shadow) string {
	says := func(who string, plural bool, o awsfiles.Outcome) string {
		one := "s"
		if plural {
			one = ""
		}
		switch o {
		case awsfiles.Wins:
			return fmt.Sprintf("%s use%s it instead of the stanza", who, one)
		case awsfiles.OnTop:
			return fmt.Sprintf("%s take%s it on top of the stanza", who, one)
		case awsfiles.Refuses:
			return fmt.Sprintf("%s refuse%s the profile", who, one)
		}
		return ""
	}
	if s.Go == s.Botocore {
		return says("the AWS CLI and the SDKs", true, s.Go)
	}
	parts := []string{says("the AWS CLI", false, s.Botocore), says("the SDK for Go", false, s.Go)}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// Usable returns the profile by which programs get the session of the account looked at, and what keeps them from it.
func (d *StanzaCheck) Usable() (profile string, inTheWay []finding.Finding) {
	a := &finding.Area{}
	profile = d.Only.ProfileName()
	files, err := dotaws.ReadAll()
	var s *stanzas
	if err == nil {
		s, err = d.stanzas(files)
	}
	if err != nil {
		a.Failed(finding.Fail, "aws-files", "", err)
	} else {
		ours := d.ours(files)
		switch {
		case s.none > 0 || slices.ContainsFunc(ours, func(p *awsfiles.Profile) bool { return p.Name == profile }):
		case len(ours) > 0: // as after setup --profile-prefix
			profile = ours[0].Name
		default:
			s.tell(a)
		}
		d.checkShadows(a, files)
	}
	d.checkKeys(a)
	return profile, slices.DeleteFunc(a.Findings, func(f finding.Finding) bool { return f.Status == finding.OK })
}

// checkEnvironment finds variables that win over the profiles. It names them and shows no value but names.
func (d *checkup) checkEnvironment() *finding.Area {
	a := &finding.Area{Title: "Environment"}
	d.checkKeys(a)
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		d.checkProfileVariable(a, name)
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if os.Getenv(name) != "" {
			a.Add(finding.Note, "environment", "", "", "%s is set: programs that are started without it read another file", name)
		}
	}
	if backend := os.Getenv("AWS_ACCOUNTS_KEYCHAIN"); backend != "" && d.File != nil && (d.File.Keychain == nil || d.File.Keychain.Backend != backend) {
		a.Add(finding.Note, "environment", "", fmt.Sprintf(`write "keychain": {"backend": %q} into %s`, backend, tui.Tilde(d.File.Path)),
			"AWS_ACCOUNTS_KEYCHAIN chooses the keychain here; programs that are started without it, such as IDEs, use another")
	}
	if len(a.Findings) == 0 {
		a.OK("environment", "", "no variable wins over the profiles")
	}
	return a
}

// checkKeys finds the variables that SDKs prefer to AWS_PROFILE.
func (d *StanzaCheck) checkKeys(a *finding.Area) {
	if os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" && os.Getenv("AWS_ROLE_ARN") != "" {
		a.Add(finding.Warn, "environment", "", "`unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN`", "AWS_WEB_IDENTITY_TOKEN_FILE is set: the AWS CLI and SDKs use it instead of AWS_PROFILE")
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return
	}
	if d.File != nil {
		for _, base := range d.basesOf() {
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

func (d *checkup) checkProfileVariable(a *finding.Area, name string) {
	profile := os.Getenv(name)
	files, err := dotaws.ReadAll()
	if profile == "" || err != nil {
		return
	}
	p, ok := files.Profile(profile)
	if !ok {
		a.Add(finding.Warn, "environment", "", fmt.Sprintf("`aws-accounts setup`, or `unset %s`", name), "%s is %q, and there is no such profile in ~/.aws", name, profile)
		return
	}
	if account, ours := p.Account(); ours {
		a.OK("environment", "", "%s is %s, the profile of %s", name, profile, account)
		return
	}
	a.Add(finding.Note, "environment", "", "", "%s is %s, which isn't one of ours", name, profile)
}
