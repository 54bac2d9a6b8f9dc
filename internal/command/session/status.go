package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"aws-accounts/cache"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Status is `aws-accounts status [NAME…]`: which account is in use and how long its session lasts, for a shell's prompt.
// It reads the stanza and one keychain item at most, asks nobody, and waits for nothing; only after a change of the files, until the
// account's next call, they are parsed.
type Status struct {
	Names  []string `arg:"" optional:"" name:"name" help:"The accounts (default: the one that SDKs use here)."`
	Format string   `help:"What to write for each." default:"{{.Name}} {{.Left}}" placeholder:"TEMPLATE"`
}

// keychainGlance is how long a prompt may take.
const keychainGlance = 250 * time.Millisecond

// Run writes a line for each account.
func (c *Status) Run(r *process.Resolver, stdout io.Writer) error {
	if err := checkFormat(c.Format); err != nil {
		return err
	}
	var found []status
	for _, name := range c.Names {
		a, err := account(r, name, byProfile{})
		if err != nil {
			return err
		}
		found = append(found, status{Name: a.Name, Profile: a.ProfileName(), AccountID: a.AccountID})
	}
	if len(c.Names) == 0 {
		s, ok := inUse()
		if !ok {
			return nil
		}
		found = append(found, s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), keychainGlance)
	defer cancel()
	var b strings.Builder
	for _, s := range found {
		if s.State == "" {
			s.look(ctx, r)
		}
		b.WriteString(s.fill(c.Format) + "\n")
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// inUse is the account whose variables exec or env has set, else the one whose stanza AWS_PROFILE names: SDKs take no notice of
// AWS_PROFILE beside a key, and exec --server leaves none.
func inUse() (status, bool) {
	profile := os.Getenv("AWS_PROFILE")
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" || profile == "" && os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" {
		return fromEnvironment(time.Now())
	}
	profile = cmp.Or(profile, os.Getenv("AWS_DEFAULT_PROFILE"))
	config, err := dotaws.Read(awsfiles.Config)
	if profile == "" || err != nil {
		return status{}, false
	}
	files, err := awsfiles.Profiles(sectionsNaming(profile, config), nil)
	if err != nil {
		return status{}, false
	}
	p, ok := files.Profile(profile)
	if !ok {
		return status{}, false
	}
	account, ok := p.Account()
	return status{Name: account, Profile: profile}, ok
}

// sectionsNaming are the sections whose headers hold the name: a prompt shouldn't wait for thousands of others to be read.
func sectionsNaming(name string, config []byte) []byte {
	var found []byte
	inside := false
	for line := range bytes.Lines(config) {
		if line[0] == '[' {
			inside = bytes.Contains(line, []byte(name))
		}
		if inside {
			found = append(found, line...)
		}
	}
	return found
}

// status is what a format can show.
type status struct {
	Name, Profile, AccountID string
	State, Left, Expires     string
	Minutes                  int
}

func (s *status) look(ctx context.Context, r *process.Resolver) {
	session, err := r.Sessions.Load(ctx, s.Name)
	now := r.Sessions.Now()
	if err == nil && session.Valid(now) && !process.HandedOut(r.Accounts)(session) {
		err = cache.ErrNotFound
	}
	switch {
	case errors.Is(err, cache.ErrNotFound), errors.Is(err, cache.ErrCorrupt): // the next call gets one in either case
		s.State, s.Left = "none", "-"
	case err != nil:
		s.State, s.Left = "unknown", "?"
	default:
		s.AccountID = cmp.Or(s.AccountID, session.AccountID)
		s.until(session.Expiration, now)
	}
}

func fromEnvironment(now time.Time) (s status, ok bool) {
	s.Name, s.AccountID = tui.Harmless(os.Getenv("AWS_ACCOUNTS_NAME")), tui.Harmless(os.Getenv("AWS_ACCOUNT_ID"))
	if expires, err := time.Parse(time.RFC3339, os.Getenv("AWS_CREDENTIAL_EXPIRATION")); err == nil {
		s.until(expires, now)
	} else {
		s.State, s.Left = "active", "-" // a key as it is, or an endpoint that renews it
	}
	return s, s.Name != ""
}

func (s *status) until(expires, now time.Time) {
	left := expires.Sub(now)
	s.Expires = expires.UTC().Format(time.RFC3339)
	s.State, s.Left = "active", strings.TrimSuffix(tui.Left(left), " left")
	switch {
	case left <= 0:
		s.State = "expired"
	case left < time.Minute:
		s.Left = "<1m"
	}
	s.Minutes = max(0, int(left.Minutes()))
}

// field is {{.Name}} and the like, as in Go's templates; conditions are left to the shell, which costs less than linking them in.
var field = pattern.New(`\{\{ *\.([A-Za-z]+) *\}\}`)

func (s *status) fill(format string) string {
	values := map[string]string{"Name": s.Name, "Profile": s.Profile, "AccountID": s.AccountID, "State": s.State, "Left": s.Left,
		"Expires": s.Expires, "Minutes": strconv.Itoa(s.Minutes)}
	return field().ReplaceAllStringFunc(format, func(f string) string { return values[field.FindStringSubmatch(f)[1]] })
}

// checkFormat finds what is no field, before anything is written.
func checkFormat(format string) error {
	const known = " Name Profile AccountID State Left Minutes Expires "
	wrong := ""
	for _, f := range field().FindAllStringSubmatch(format, -1) {
		if !strings.Contains(known, " "+f[1]+" ") {
			wrong = "no field ." + f[1]
		}
	}
	if rest := field.ReplaceAllString(format, ""); wrong == "" && strings.Contains(rest, "{{") {
		wrong = "{{ without a field like .Name and }}"
	}
	if wrong == "" {
		return nil
	}
	return hint.Usage(fmt.Errorf("--format: %s", tui.Harmless(wrong)), "`aws-accounts status --help` lists the fields")
}
