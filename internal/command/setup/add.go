package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
)

// Add is `aws-accounts add NAME`: a new account, from flags or by asking.
type Add struct {
	Name  string `arg:"" optional:"" help:"Its name; asked for where it isn't given."`
	Setup bool   `help:"Write its profile into ~/.aws/config as well."`
	Yes   bool   `short:"y" help:"Don't ask before other entries are changed."`
	Fields
}

// Run adds the account and shows what it wrote.
func (c *Add) Run(r *accounts.Reader, asker *ask.Asker, program *stanza.Program, stdout io.Writer) error {
	ctx := context.Background()
	file, err := r.File()
	if err != nil {
		return err
	}
	if err := c.complete(ctx, asker, file); err != nil {
		return err
	}
	list, err := c.list(file, &accounts.Account{})
	if err != nil {
		return err
	}
	if err := c.mayChangeOthers(ctx, asker, file); err != nil {
		return err
	}
	var before, after []byte
	if _, err = r.Change(ctx, func(old []byte) ([]byte, error) {
		before = old
		after, err = accounts.AddFields(r.Path, old, c.Name, list)
		return after, err
	}); err != nil {
		return err
	}
	fmt.Fprint(stdout, awsfiles.Diff(tui.ShowPath(r.Path), before, after))
	c.note(stdout)
	if !c.isBase() {
		if err := stanza.EnsureRegion(ctx, r.Again(), asker, "", []string{c.Name}, stdout); err != nil {
			return err
		}
	}
	if c.Setup {
		return (&stanza.Edit{Names: []string{c.Name}}).Run(r.Again(), program, stdout)
	}
	tui.Sayf(stdout, "next: `aws-accounts setup %s` gives it a profile", c.Name)
	return nil
}

// mayChangeOthers asks before a second base account is added: each role that doesn't say where it begins then has to.
func (c *Add) mayChangeOthers(ctx context.Context, asker *ask.Asker, file *accounts.File) error {
	bases := file.Bases()
	implied := file.Where(func(a *accounts.Account) bool { return a.RoleARN != "" && a.Source == "" && a.From == "" })
	if c.Yes || !c.isBase() || len(bases) != 1 || len(implied) == 0 {
		return nil
	}
	question := fmt.Sprintf("With two base accounts each role must say where it begins. Write \"source\": %s into %s?",
		tui.Quote(bases[0].Name), tui.Some(accounts.NamesOf(implied), finding.Most))
	ok, err := asker.Confirm(ctx, question, true)
	if err == nil && !ok {
		err = errors.New("nothing was added")
	}
	return hint.New(err, "--yes does it without asking")
}

// complete asks for the name and what it is, as far as the flags don't say.
func (c *Add) complete(ctx context.Context, asker *ask.Asker, file *accounts.File) (err error) {
	if c.Name == "" {
		if c.Name, err = asker.Line(ctx, "Name of the account, like dev"); err != nil {
			return hint.Usage(fmt.Errorf("which account? %w", err), "name it: `aws-accounts add NAME --role-arn=ARN`")
		}
	}
	if a, err := file.Find(c.Name); err == nil && a.From == "" {
		return hint.New(fmt.Errorf("there is an account %s already", tui.Quote(a.Name)), "`aws-accounts edit %s` changes it; another name adds another", a.Name)
	}
	if c.beginsSomewhere() {
		return c.askSource(ctx, asker, file)
	}
	answer, err := asker.Line(ctx, "Role to assume (its ARN), or the profile of ~/.aws that it begins with")
	if err != nil {
		return hint.New(fmt.Errorf("%s: what kind of account is it? %w", tui.Quote(c.Name), err),
			"say it: --role-arn=ARN, --sso-session=NAME --sso-role=ROLE, or --credentials-profile=PROFILE")
	}
	if accounts.IsAccountID(answer) {
		return hint.Usage(fmt.Errorf("%s is the number of an account, and no profile", answer),
			"name the role to assume there, like arn:aws:iam::%s:role/NAME", answer)
	}
	if strings.HasPrefix(answer, "arn:") || c.AccountID != nil {
		c.RoleARN = &answer
	} else {
		c.CredentialsProfile = &answer
	}
	if err := c.askSource(ctx, asker, file); err != nil {
		return err
	}
	if c.Description == nil {
		text, err := asker.Optional(ctx, "Description (Enter: none)")
		if err != nil {
			return err
		}
		if text != "" {
			c.Description = &text
		}
	}
	return nil
}

// askSource asks where a role is assumed from, if there is more than one base account.
func (c *Add) askSource(ctx context.Context, asker *ask.Asker, file *accounts.File) error {
	bases := accounts.NamesOf(file.Bases())
	if !c.isRole() || value(c.Source, "") != "" || len(bases) < 2 {
		return nil
	}
	answer, err := asker.Line(ctx, "Account to assume the role from: "+tui.QuoteAll(bases)+", or another")
	if err != nil {
		return hint.Usage(fmt.Errorf("%s: --source is missing, and there is more than one base account, %s", tui.Quote(c.Name), tui.QuoteAll(bases)),
			"name the account to assume the role from: --source=%s", bases[0])
	}
	c.Source = &answer
	return nil
}

func (c *Add) isBase() bool { return !c.isRole() && value(c.SSOSession, "") == "" }

// isRole: the flags say that it is one.
func (c *Add) isRole() bool {
	return value(c.RoleARN, "") != "" && c.WebIdentityTokenFile == nil
}
