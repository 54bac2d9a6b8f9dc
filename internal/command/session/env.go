package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Env is `aws-accounts env NAME`: the credentials as variables, for a shell or a file.
type Env struct {
	Name  string `arg:"" optional:"" help:"The account; without it, you choose."`
	Unset bool   `help:"Take the variables out again; needs no account."`
	Forms `embed:""`
}

// Run writes one statement per variable. What it unsets and sets is the same for every account of a kind, whatever the
// environment it runs in, as the output may be meant for another shell. Only --unset looks whether the region here is ours.
func (c *Env) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	write, err := c.writer()
	if err != nil {
		return err
	}
	switch {
	case c.Unset && (c.JSON || c.Dotenv):
		return hint.Usage(errors.New("--unset is for shells: neither JSON nor a dotenv file can take a variable out"), "leave out --json or --dotenv")
	case c.Unset:
		return write(stdout, slices.Concat(given, rivals, regionGiven(r)), nil)
	}
	session, err := open(r, c.Name)
	if err != nil {
		return err
	}
	variables := append(credentialVariables(session.first), session.variables()...)
	unset := slices.DeleteFunc(slices.Concat(given, rivals), func(name string) bool {
		return slices.ContainsFunc(variables, func(v variable) bool { return v.name == name })
	})
	if err := write(stdout, unset, variables); err != nil {
		return err
	}
	if tui.ScreenOf(stdout).Width > 0 && !c.JSON && !c.Dotenv {
		// Whoever sees this has forgotten what makes it useful.
		fmt.Fprintf(stderr, "\nhint: %s\n", c.usage("aws-accounts env "+session.name))
	}
	return nil
}

// regionGiven are the variables that have the region of the account whose variables this process has.
func regionGiven(r *process.Resolver) (names []string) {
	name := os.Getenv("AWS_ACCOUNTS_NAME")
	file, err := r.Accounts.File()
	if name == "" || err != nil {
		return nil
	}
	a, err := file.Find(name)
	if err != nil {
		return nil
	}
	for _, v := range regionVariables(route.ProfileRegion(a)) {
		if os.Getenv(v.name) == v.value {
			names = append(names, v.name)
		}
	}
	return names
}
