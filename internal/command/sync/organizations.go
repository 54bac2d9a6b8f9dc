package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/organization"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// defaultRole is the role that AWS makes in the accounts that an organization creates.
const defaultRole = "OrganizationAccountAccessRole"

// Organizations is `aws-accounts sync organizations [NAME]`.
type Organizations struct {
	Name   string            `arg:"" optional:"" help:"The account to ask with: the management account, or a delegated administrator (default: the only base account)."`
	Role   string            `help:"The role that each account has: its name, with its path if it has one (default: OrganizationAccountAccessRole)." placeholder:"ROLE"`
	OU     string            `name:"ou" help:"Only accounts below this organizational unit or root, at any depth." placeholder:"OU-ID"`
	Tag    map[string]string `help:"Only accounts with this tag; may be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	Source string            `help:"The account to assume the roles from (default: the one to ask with)." placeholder:"NAME"`
	Options
}

// Run lists the whole organization.
func (c *Organizations) Run(r *process.Resolver, asker *ask.Asker, program *stanza.Program, stdout io.Writer, stderr tui.Stderr) error {
	return c.run(r, asker, program, stdout, stderr, []any{c.Name, c.Role, c.OU, c.Tag, c.Source}, c.listing)
}

func (c *Organizations) listing(ctx context.Context, s *syncing) (l accounts.Listing, err error) {
	with, err := c.with(s.file)
	if err != nil {
		return l, err
	}
	role, err := c.role()
	if err != nil {
		return l, err
	}
	source, err := c.source(s.file, with)
	if err != nil {
		return l, err
	}
	listed, err := c.list(ctx, s, with)
	if err != nil {
		return l, err
	}
	return c.offers(s.file, listed, role, source), nil
}

func (c *Organizations) with(file *accounts.File) (*accounts.Account, error) {
	if c.Name != "" {
		return file.Find(c.Name)
	}
	bases := file.Bases()
	switch len(bases) {
	case 0:
		return nil, hint.Usage(fmt.Errorf("no base account in %s to ask with", file.Path), "name the account to ask with: `aws-accounts sync organizations NAME`")
	case 1:
		return bases[0], nil
	}
	return nil, hint.Usage(errors.New("which account to ask with? credentials begin at more than one"), "name it: `aws-accounts sync organizations %s`", bases[0].Name)
}

var rolePath = pattern.New(`^([!-~]+/)?[\w+=,.@-]{1,64}$`)

// role is --role as path and name. The ARN of one of the roles will do.
func (c *Organizations) role() (string, error) {
	role := c.Role
	if role == "" {
		return defaultRole, nil
	}
	if _, path, ok := strings.Cut(role, ":role/"); ok {
		role = path
	}
	role = strings.TrimPrefix(role, "/")
	if !rolePath.MatchString(role) || strings.ContainsAny(role, ":") {
		return "", hint.Usage(fmt.Errorf("--role=%s is not the name of a role", c.Role), "name it as IAM does, with its path: --role=ReadOnly, --role=team/ReadOnly")
	}
	return role, nil
}

// source is what entries say about it: nothing, where it would be no other without.
func (c *Organizations) source(file *accounts.File, with *accounts.Account) (string, error) {
	source := with
	if c.Source != "" {
		var err error
		if source, err = file.Find(c.Source); err != nil {
			return "", err
		}
	}
	if only := file.Bases(); len(only) == 1 && only[0] == source {
		return "", nil
	}
	return source.Name, nil
}

func (c *Organizations) list(ctx context.Context, s *syncing, with *accounts.Account) ([]organization.Account, error) {
	credentials, err := s.Session(with.Name).Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hop, err := route.HopOf(with, "")
	if err != nil {
		return nil, err
	}
	cfg := hop.Settings.Config(hop.Partition, process.Static(credentials), false)
	org := organization.New(s.patient(cfg))
	defer s.progress(func() string { return "listing the organization: " + tui.Count(org.Seen(), "account") })()
	var listed []organization.Account
	if c.OU != "" {
		listed, err = org.Below(ctx, c.OU, c.made(s.file))
	} else {
		listed, err = org.Accounts(ctx, c.made(s.file))
	}
	if err != nil {
		return nil, unchanged(c.explain(err, with), org.Seen())
	}
	for _, a := range listed {
		if partition, _, organization := a.Place(); partition == "" || organization == "" {
			return nil, hint.New(fmt.Errorf("AWS's list has an account without an organization, %s; nothing was changed", tui.Harmless(a.ARN)), "try again")
		}
	}
	if len(c.Tag) > 0 {
		tags, err := org.Tags(ctx, listed)
		if err != nil {
			return nil, unchanged(c.explain(err, with), org.Seen())
		}
		var tagged []organization.Account
		for i, a := range listed {
			if c.tagged(tags[i]) {
				tagged = append(tagged, a)
			}
		}
		listed = tagged
	}
	if len(listed) == 0 {
		return nil, hint.New(fmt.Errorf("%s; nothing was changed", c.nothing()), "check --ou and --tag: the console of AWS Organizations shows both")
	}
	return listed, nil
}

// made are the AWS accounts that an earlier sync has found, of the same unit if there is one.
func (c *Organizations) made(file *accounts.File) (ids []string) {
	for a := range file.All() {
		if a.Synced == nil || a.RoleARN == "" {
			continue
		}
		if from, _, _ := strings.Cut(a.Synced.From, "?"); c.OU == "" || strings.HasSuffix(from, "/"+c.OU) {
			ids = append(ids, a.AccountID)
		}
	}
	return ids
}

func (c *Organizations) nothing() string {
	what := "no account"
	if c.OU != "" {
		what += " below " + c.OU
	}
	if len(c.Tag) > 0 {
		what += " has " + c.tags()
	}
	return what
}

func (c *Organizations) tagged(tags map[string]string) bool {
	for key, value := range c.Tag {
		if have, has := tags[key]; !has || have != value {
			return false
		}
	}
	return true
}

func (c *Organizations) tags() string {
	var tags []string
	for _, key := range slices.Sorted(maps.Keys(c.Tag)) {
		tags = append(tags, key+"="+c.Tag[key])
	}
	return strings.Join(tags, "&")
}

// offers are what the accounts file is held against. Its name has what was asked for, so that one run of the command says
// nothing about the entries of another one.
func (c *Organizations) offers(file *accounts.File, listed []organization.Account, role, source string) accounts.Listing {
	_, _, from := listed[0].Place()
	if c.OU != "" {
		from += "/" + c.OU
	}
	if len(c.Tag) > 0 {
		from += "?" + c.tags()
	}
	begins := map[string]bool{}
	for _, b := range file.Bases() {
		begins[b.AccountID] = true
	}
	l := accounts.Listing{From: from, Covers: func(made string) bool { return strings.EqualFold(made, role) }}
	for _, a := range listed {
		partition, management, _ := a.Place()
		e := accounts.Listed{Called: a.Name, Account: accounts.Account{
			AccountID: a.ID, RoleARN: "arn:" + partition + ":iam::" + a.ID + ":role/" + role, Source: source,
			Synced: &accounts.Synced{From: from, Role: role},
		}}
		switch {
		case a.State != "ACTIVE":
			e.LeftOut, e.Closed = strings.ToLower(strings.ReplaceAll(a.State, "_", " ")), true
		case begins[a.ID]:
			e.LeftOut = "credentials begin there"
		case a.ID == management && c.Role == "":
			e.LeftOut = "the management account, which has no " + defaultRole
		}
		l.Listed = append(l.Listed, e)
	}
	return l
}

func (c *Organizations) explain(err error, with *accounts.Account) error {
	return process.Explain(err, with, []process.Row{
		{Codes: "AWSOrganizationsNotInUseException", Definite: true, Says: process.Say("its AWS account is in no organization"),
			Next: process.Say("name an account that is: `aws-accounts sync organizations NAME`")},
		{Codes: process.CodesDenied, Definite: true, Says: process.Say("not allowed to list the organization%s", process.Verdict.Because),
			Next: process.Say("ask with the management account or a delegated administrator " +
				"(`aws-accounts sync organizations NAME`), and allow organizations:List* there")},
		{Codes: "ParentNotFoundException InvalidInputException", Definite: true,
			When: func(process.Verdict) bool { return c.OU != "" },
			Says: func(process.Verdict) string { return "there is no organizational unit " + c.OU },
			Next: process.Say("its id is like ou-ab12-cdef3456: the console of AWS Organizations shows it")},
	}...)
}
