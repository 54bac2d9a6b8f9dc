package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/place"
)

// Setup is `aws-accounts setup [NAME…]`: writes the stanzas.
type Setup struct {
	Names         []string `arg:"" optional:"" name:"name" help:"The accounts (default: all)."`
	DryRun        bool     `help:"Show what would change, and change nothing."`
	Remove        bool     `help:"Take the stanzas out again."`
	ProfilePrefix *string  `help:"Put this before each account's name, instead of what the accounts file says." placeholder:"PREFIX"`
}

// Help is what --help says besides the flags.
func (*Setup) Help() string {
	return `It changes only profiles that it wrote, and names those that aren't its own.
Run again, it changes nothing.

  aws-accounts setup --dry-run
  aws-accounts setup
  aws-accounts setup dev prod
  aws-accounts setup --profile-prefix=aa-    # aa-dev beside your own dev
  aws-accounts setup --remove`
}

// prefixName is what the names of profiles that setup writes may begin with.
var prefixName = pattern.New(`^[A-Za-z0-9_][A-Za-z0-9._@+/:=,~-]*$`)

// Program is how a stanza starts us.
type Program struct {
	Path string   // absolute
	Args []string // before the account's name: process, and what finds the same accounts file
}

// Run edits ~/.aws/config. Profiles that aren't ours stay as they are and make the command fail in the end, after all
// others are written.
func (c *Setup) Run(r *Reader, program *Program, stdout io.Writer) error {
	if p := c.ProfilePrefix; p != nil && *p != "" && !prefixName.MatchString(*p) {
		return hint.Usage(fmt.Errorf("--profile-prefix: no profile's name can begin with %s", quote(*p)), "letters, digits and . _ @ + - are safe, as in --profile-prefix=aa-")
	}
	file, err := r.File()
	if err != nil {
		return err
	}
	if c.ProfilePrefix != nil {
		file.Defaults.ProfilePrefix = *c.ProfilePrefix
	}
	path, err := place.AWSConfig()
	if err != nil {
		return err
	}
	if locks, err := place.Locks(); err == nil && !c.DryRun {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		release, err := lock.Acquire(ctx, locks, "_aws-config")
		if err == nil {
			defer release()
		} else if ctx.Err() != nil {
			return hint.New(errors.New("another `aws-accounts setup` is running"), "wait for it to end, then try again")
		}
	}
	old, err := readOrNothing(path)
	if err != nil {
		return err
	}
	edited, report, err := c.edit(file, program, old)
	if err != nil {
		return err
	}

	if c.DryRun {
		fmt.Fprint(stdout, awsfiles.Diff(path, old, edited))
	} else if report.Changed() {
		if err := backUp(path, old); err != nil {
			return err
		}
		if err := atomicfile.Write(path, edited, 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", path, cause(err))
		}
	}
	tell(stdout, path, report, c.DryRun)
	if !c.Remove {
		if err := c.tellCaveats(stdout, file, edited); err != nil {
			return err
		}
	}
	if n := len(report.Conflicts); n > 0 {
		step := "give the account another name: \"profile\": \"…\", or use --profile-prefix"
		if first := report.Conflicts[0]; first.Line > 0 {
			step = fmt.Sprintf("rename [profile %s] in line %d, or %s", first.Profile, first.Line, step)
		}
		return hint.New(fmt.Errorf("%d of the profiles in %s are not ours and were left as they are", n, path), "%s", step)
	}
	return nil
}

func (c *Setup) edit(file *File, program *Program, old []byte) ([]byte, awsfiles.Report, error) {
	chosen, err := c.chosen(file)
	if err != nil {
		return nil, awsfiles.Report{}, err
	}
	if c.Remove {
		return awsfiles.EditConfig(old, nil, func(_, account string) bool {
			return len(c.Names) == 0 || slices.ContainsFunc(c.Names, func(n string) bool { return strings.EqualFold(n, account) })
		})
	}
	want, err := Stanzas(file, program, chosen)
	if err != nil {
		return nil, awsfiles.Report{}, err
	}
	edited, report, err := awsfiles.EditConfig(old, want, nil)
	beginnings := file.beginnings()
	for _, a := range chosen {
		if base, begins := beginnings[file.ProfileName(a)]; begins && base != a {
			report.Conflicts = append(report.Conflicts, awsfiles.Conflict{Profile: file.ProfileName(a),
				Reason: "credentials begin at it, so that it can't be the profile of " + quote(a.Name)})
		}
	}
	return edited, report, err
}

// Stanzas are what setup writes for the accounts chosen. A profile that credentials begin at gets none: it would call us to
// find out where they begin. Of an account that begins with the very profile that would be its own, it is the profile.
func Stanzas(file *File, program *Program, chosen []*Account) ([]awsfiles.Stanza, error) {
	var want []awsfiles.Stanza
	beginnings := file.beginnings()
	for _, a := range chosen {
		if _, begins := beginnings[file.ProfileName(a)]; begins {
			continue
		}
		command, err := awsfiles.Command(program.Path, append(slices.Clone(program.Args), a.Name), runtime.GOOS)
		if err != nil {
			return nil, hint.New(fmt.Errorf("no stanza can start %s: %w", program.Path, err), "install aws-accounts at another path")
		}
		want = append(want, awsfiles.Stanza{Profile: file.ProfileName(a), Command: command, Region: file.EffectiveRegion(a)})
	}
	return want, nil
}

// chosen are the accounts named, or all. With --remove a name may be one that has left the file.
func (c *Setup) chosen(file *File) ([]*Account, error) {
	var chosen []*Account
	if c.Remove {
		return nil, nil
	}
	for _, name := range c.Names {
		a, err := file.Find(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(chosen, a) {
			chosen = append(chosen, a)
		}
	}
	if len(c.Names) == 0 {
		for i := range file.Accounts {
			chosen = append(chosen, &file.Accounts[i])
		}
	}
	return chosen, nil
}

// backUp keeps the file as it was before our last change.
func backUp(path string, old []byte) error {
	if old == nil {
		return nil
	}
	if err := atomicfile.Write(path+".aws-accounts.bak", old, 0o600); err != nil {
		return fmt.Errorf("keeping a backup of %s: %w", path, cause(err))
	}
	return nil
}

// readOrNothing reads a file that may be missing. Anything but a regular file is refused: AWS_CONFIG_FILE may be /dev/null,
// which we would replace, or a pipe, which would keep us waiting.
func readOrNothing(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, hint.New(fmt.Errorf("%s is not a regular file", path), "point AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE at ordinary files, or unset them")
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, cause(err))
	}
	return data, nil
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
		fmt.Fprintf(w, "left     [profile %s]%s: %s\n", conflict.Profile, where, conflict.Reason)
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
func (c *Setup) tellCaveats(w io.Writer, file *File, config []byte) error {
	path, err := place.AWSCredentials()
	if err != nil {
		return err
	}
	credentials, err := readOrNothing(path)
	if err != nil {
		return err
	}
	files, err := awsfiles.Profiles(config, credentials)
	if err != nil {
		return err
	}
	chosen, err := c.chosen(file)
	if err != nil {
		return err
	}
	var noRegion []string
	for _, a := range chosen {
		p, ok := files.Profile(file.ProfileName(a))
		if !ok {
			continue
		}
		if _, ours := p.Account(); !ours {
			continue
		}
		if _, set := p.Get(awsfiles.Botocore, "region"); !set {
			noRegion = append(noRegion, a.Name)
		}
		for _, shadow := range p.Shadows() {
			fmt.Fprintf(w, "warning: %s of profile %s (%s, line %d) wins over the stanza: take that line out\n",
				shadow.Key, p.Name, shadow.File, shadow.Line)
		}
	}
	if len(noRegion) > 0 && os.Getenv("AWS_DEFAULT_REGION") == "" {
		fmt.Fprintf(w, "note: no region for %s: set \"defaults\": {\"region\": \"…\"} in %s, or the AWS CLI asks for --region\n",
			quoteAll(noRegion), showPath(file.Path))
	}
	return nil
}
