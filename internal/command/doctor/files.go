package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/owned"
	"aws-accounts/internal/place"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// checkAccountsFile reads the file. With --fix it first takes from others the right to change it.
func (d *checkup) checkAccountsFile() *finding.Area {
	a := &finding.Area{Title: "Accounts file"}
	if home, err := os.UserHomeDir(); err == nil && d.fix {
		mended, err := owned.Mend(d.reader.Path, home)
		for _, path := range mended {
			a.Fixed = append(a.Fixed, tui.Tilde(fmt.Sprintf("only you can change %s now", path)))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.Add(finding.Warn, "accounts-file-permissions", "", "", "%s", err)
		}
	}
	file, err := d.reader.File()
	if err != nil {
		a.Failed(finding.Fail, "accounts-file", "", err)
		return a
	}
	d.File = file
	a.OK("accounts-file", "", "%s; only you can change %s", tui.Count(len(file.Accounts), "account"), file.Path)
	if trouble, grave := file.SharedTrouble(); grave {
		a.Failed(finding.Fail, "shared-file", "", trouble)
	} else if trouble != nil {
		a.Failed(finding.Warn, "shared-file", "", trouble)
	}
	var temporary func(*accounts.Account) bool
	if routes, err := route.Read(); err == nil { // else checkProfiles says what is wrong with ~/.aws
		temporary = routes.Temporary
	}
	notes := file.Notes(temporary)
	for i, n := range notes {
		if i == finding.Most {
			a.Add(finding.Note, "accounts-file-notes", "", "`aws-accounts validate` shows them", "%d more notes",
				len(notes)-i)
			break
		}
		a.Add(finding.Note, "accounts-file-notes", "", "", "line %d: %s", n.Line, n.Message)
	}
	return a
}

// checkOwnFiles looks at what we write besides: the folder of locks and log, what was left over, and what the log says.
func (d *checkup) checkOwnFiles() *finding.Area {
	a := &finding.Area{Title: "Locks and log"}
	if home, err := os.UserHomeDir(); err == nil && d.fix {
		d.mend(a, home)
	}
	state, err := place.State()
	if err != nil {
		a.Failed(finding.Fail, "state-folder", "", err)
		return a
	}
	d.checkFolder(a, state)
	d.checkLeftovers(a, state)
	d.checkLog(a)
	return a
}

// mend takes from others the right to change what is in the state folder.
func (d *checkup) mend(a *finding.Area, home string) {
	folder, err := place.StateFolder()
	if err != nil {
		return
	}
	mended, _ := owned.Mend(folder, home) // what is left is found again
	for _, path := range mended {
		a.Fixed = append(a.Fixed, tui.Tilde(fmt.Sprintf("only you can change %s now", path)))
	}
}

// checkFolder tries to write where locks and log are.
func (d *checkup) checkFolder(a *finding.Area, state string) {
	locks := filepath.Join(state, "locks")
	err := os.MkdirAll(locks, 0o700)
	if err == nil {
		err = atomicfile.Probe(locks)
	}
	if err != nil {
		a.Add(finding.Warn, "state-folder", "", fmt.Sprintf("make it writable: `mkdir -p %s && chmod u+rwx %s`", locks, locks),
			"can't write into %s (%s): without locks, programs that start at once each ask AWS", locks, hint.WithoutPath(err))
		return
	}
	a.OK("state-folder", "", "%s can be written", state)
	if runtime.GOOS == "windows" { // access lists, which a folder hands down, not modes
		return
	}
	for _, own := range []struct {
		path string
		most fs.FileMode
	}{{state, 0o700}, {d.log.Path, 0o600}, {filepath.Join(state, "keychain"), 0o700}} {
		info, err := os.Stat(own.path)
		if err != nil || info.Mode().Perm()&^own.most == 0 {
			continue
		}
		if d.fix && os.Chmod(own.path, info.Mode().Perm()&own.most) == nil {
			a.Fixed = append(a.Fixed, tui.Tilde(fmt.Sprintf("%s is yours alone now", own.path)))
			continue
		}
		a.Add(finding.Warn, "state-permissions", "", fmt.Sprintf("`chmod %o %s`, or `aws-accounts doctor --fix`", info.Mode().Perm()&own.most, own.path),
			"others can look into %s (%s)", own.path, info.Mode().Perm())
	}
}

// checkLeftovers finds what a killed process left: temporary files, and notes of failures that nobody waits for any more.
// Locks are not among them: those of a process end with it, and which accounts were used here is known by their files.
func (d *checkup) checkLeftovers(a *finding.Area, state string) {
	var left []string
	folders := []string{state, filepath.Join(state, "locks"), filepath.Dir(d.reader.Path)}
	if config, err := place.AWSConfig(); err == nil {
		folders = append(folders, filepath.Dir(config))
	}
	for _, dir := range folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			age := d.log.Now().Sub(info.ModTime())
			note := strings.HasSuffix(e.Name(), ".failed") && strings.HasPrefix(dir, state)
			if atomicfile.Leftover(e.Name()) && age > time.Hour || note && age > 24*time.Hour {
				left = append(left, filepath.Join(dir, e.Name()))
			}
		}
	}
	if len(left) == 0 {
		return
	}
	if !d.fix {
		a.Add(finding.Note, "leftovers", "", "`aws-accounts doctor --fix` removes them", "%s of processes that were killed", tui.Count(len(left), "leftover"))
		return
	}
	removed := 0
	for _, path := range left {
		if os.Remove(path) == nil {
			removed++
		}
	}
	a.Fixed = append(a.Fixed, tui.Count(removed, "leftover")+" of processes that were killed removed")
}

// checkLog says what `process` had no other way to say, as callers show its messages to nobody.
func (d *checkup) checkLog(a *finding.Area) {
	if _, err := process.ReadLog(d.log.Path); err != nil {
		a.Add(finding.Warn, "log", "", hint.FileStep(err), "the access log can't be read: %s", hint.WithoutPath(err))
		return
	}
	times := map[string]int{}
	var kinds []process.Entry // of trouble, the latest of each, oldest first
	last := map[string]process.Entry{}
	for _, e := range d.entries {
		switch {
		case d.log.Now().Sub(e.Time) > 24*time.Hour:
		case e.Outcome == process.OutcomeTrouble:
			kinds = slices.DeleteFunc(kinds, func(k process.Entry) bool { return k.Error == e.Error })
			kinds = append(kinds, e)
			times[e.Error]++
		case e.Action == "":
			last[strings.ToLower(e.Account)] = e
		}
	}
	skipped := max(0, len(kinds)-finding.Most)
	for _, e := range kinds[skipped:] {
		often := ""
		if n := times[e.Error]; n > 1 {
			often = fmt.Sprintf(" (%d times)", n)
		}
		a.Add(finding.Warn, "log-trouble", "", "`aws-accounts log --failed --since 24h` shows when, and for whom",
			"%s: %s%s", e.Time.Local().Format("15:04"), e.Error, often)
	}
	if skipped > 0 {
		a.Add(finding.Note, "log-trouble", "", "", "%d other kinds of trouble today", skipped)
	}
	failing := 0
	for name, e := range last {
		if e.Outcome != process.OutcomeOK && (d.Only == nil || strings.EqualFold(d.Only.Name, name)) {
			if failing++; d.Only != nil {
				a.Add(finding.Warn, "log-failure", e.Account, "", "the last attempt failed at %s: %s", e.Time.Local().Format("15:04"), strings.TrimPrefix(e.Error, e.Account+": "))
			}
		}
	}
	if d.Only == nil && failing > 0 {
		a.Add(finding.Warn, "log-failure", "", "`aws-accounts log --failed` shows why", "the last attempt failed today for %s", tui.Count(failing, "account"))
	}
	if len(kinds)+failing == 0 {
		a.OK("log", "", "no trouble logged in the last 24 hours")
	}
}
