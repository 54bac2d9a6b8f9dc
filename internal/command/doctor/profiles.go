package doctor

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/stanza"
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
	s, err := d.State(files)
	if err == nil && d.fix && len(s.Missing)+len(s.Outdated) > 0 {
		files, s, err = d.writeStanzas(a, s)
	}
	if err != nil {
		a.Failed(finding.Fail, "profile", "", err)
		return a
	}
	s.Tell(a)
	d.checkCommands(a, files)
	d.Shadows(a, files)
	d.Regions(a, files)
	if ours := d.Ours(files); len(ours) > 0 && !slices.ContainsFunc(ours, (*awsfiles.Profile).InCredentials) {
		a.OK("credentials-file", "", "for what reads ~/.aws/credentials alone (restic 0.14, minio-go before 7.3, the AWS SDKs for JavaScript v2 "+
			"and Go v1 without AWS_SDK_LOAD_CONFIG=1), `aws-accounts setup --credentials-file` writes them there, too")
	}
	return a
}

// writeStanzas runs setup for what is missing or outdated, and looks again.
func (d *checkup) writeStanzas(a *finding.Area, before *stanza.State) (*dotaws.Files, *stanza.State, error) {
	edit := stanza.Edit{}
	if d.Only != nil || len(before.Elsewhere) > 0 {
		edit.Names = append(slices.Clone(before.Missing), before.Outdated...)
	}
	trouble := edit.Run(d.reader, d.Program, io.Discard)
	files, err := dotaws.ReadAll()
	if err != nil {
		return nil, nil, err
	}
	after, err := d.State(files)
	if err != nil {
		return nil, nil, err
	}
	if trouble != nil && len(after.Taken) == 0 { // profiles that aren't ours are in the findings
		return nil, nil, trouble
	}
	if wrote := len(before.Missing) + len(before.Outdated) - len(after.Missing) - len(after.Outdated); wrote > 0 {
		a.Fixed = append(a.Fixed, tui.Count(wrote, "profile")+" written into "+after.Config)
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
				a.Add(finding.Note, "aws-files", "", "", "%d more of this kind in %s", len(problems)-i, dotaws.Path(file))
				break
			}
			if p.Fatal {
				fatal++
				a.Add(finding.Fail, "aws-files", "", fmt.Sprintf("correct line %d of %s", p.Line, dotaws.Path(file)),
					"%s, line %d: %s; the %s refuses the whole file", dotaws.Path(file), p.Line, p.Text, p.By)
			} else {
				a.Add(finding.Note, "aws-files", "", "", "%s, line %d: %s", dotaws.Path(file), p.Line, p.Text)
			}
		}
		checkMode(f, a, file, fix)
	}
	if fatal == 0 {
		a.OK("aws-files", "", "the AWS CLI and the SDKs can read %s", dotaws.Path(awsfiles.Config))
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
		a.Fixed = append(a.Fixed, fmt.Sprintf("others can no longer "+can, dotaws.Path(file)))
		return
	}
	a.Add(status, "aws-files-permissions", "", fmt.Sprintf("`chmod %o %s`, or `aws-accounts doctor --fix`", right, path), "others can "+can, dotaws.Path(file))
}

// checkCommands looks at what the stanzas start: once for each program.
func (d *checkup) checkCommands(a *finding.Area, files *dotaws.Files) {
	seen := map[string]bool{}
	alike := true
	for _, p := range d.Ours(files) {
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
	const starts = "profile %s starts %s, which "
	info, err := os.Stat(program)
	own, _ := os.Stat(d.Program.Path)
	switch {
	case err != nil:
		a.Add(finding.Fail, "program", "", "`aws-accounts setup`", starts+"can't be found (%s)", profile, program, hint.WithoutPath(err))
	case info.IsDir():
		a.Add(finding.Fail, "program", "", "`aws-accounts setup`", starts+"is a folder", profile, program)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		a.Add(finding.Fail, "program", "", fmt.Sprintf("`chmod +x %s`", program), starts+"isn't executable", profile, program)
	case own != nil && !os.SameFile(own, info):
		a.Add(finding.Warn, "program", "", fmt.Sprintf("`aws-accounts setup` makes it start %s", d.Program.Path),
			starts+"isn't this one", profile, program)
	default:
		return true
	}
	return false
}

// checkEnvironment finds variables that win over the profiles. It names them and shows no value but names.
func (d *checkup) checkEnvironment() *finding.Area {
	a := &finding.Area{Title: "Environment"}
	d.Variables(a)
	files, err := dotaws.ReadAll()
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		profile := os.Getenv(name)
		if profile == "" || err != nil {
			continue
		}
		p, found := files.Profile(profile)
		if !found {
			a.Add(finding.Warn, "environment", "", fmt.Sprintf("`aws-accounts setup`, or `unset %s`", name),
				"%s is %q, and there is no such profile in ~/.aws", name, profile)
		} else if account, ours := p.Account(); ours {
			a.OK("environment", "", "%s is %s, the profile of %s", name, profile, account)
		} else {
			a.Add(finding.Note, "environment", "", "", "%s is %s, which isn't one of ours", name, profile)
		}
	}
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		if os.Getenv(name) != "" {
			a.Add(finding.Note, "environment", "", "", "%s is set: programs that are started without it read another file", name)
		}
	}
	if backend := os.Getenv("AWS_ACCOUNTS_KEYCHAIN"); backend != "" && d.File != nil && (d.File.Keychain == nil || d.File.Keychain.Backend != backend) {
		a.Add(finding.Note, "environment", "", fmt.Sprintf(`write "keychain": {"backend": %q} into %s`, backend, d.File.Path),
			"AWS_ACCOUNTS_KEYCHAIN chooses the keychain here; programs that are started without it, such as IDEs, use another")
	}
	if len(a.Findings) == 0 {
		a.OK("environment", "", "no variable overrides the profiles")
	}
	return a
}
