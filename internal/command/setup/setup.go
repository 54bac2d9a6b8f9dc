// Package setup is the commands about the accounts file and the profiles in ~/.aws: init, add, edit, remove, list, setup,
// validate and schema.
//
// Invariant: a file is replaced as a whole or not at all, and what nobody asked to change stays byte for byte.
package setup

import (
	"io"

	"aws-accounts/accounts"
	"aws-accounts/internal/stanza"
)

// Setup is `aws-accounts setup [NAME…]`: writes the stanzas.
type Setup struct {
	Names           []string `arg:"" optional:"" name:"name" help:"The accounts (default: all)."`
	DryRun          bool     `help:"Show what would change, and change nothing."`
	Remove          bool     `help:"Take the profiles out again."`
	CredentialsFile bool     `help:"Write them into ~/.aws/credentials, too, for programs that read only that file."`
	ProfilePrefix   *string  `help:"Put this before each account's name, instead of what the accounts file says." placeholder:"PREFIX"`
}

// Run edits ~/.aws/config.
func (c *Setup) Run(r *accounts.Reader, program *stanza.Program, stdout io.Writer) error {
	edit := stanza.Edit{Names: c.Names, DryRun: c.DryRun, Remove: c.Remove, Prefix: c.ProfilePrefix, CredentialsFile: c.CredentialsFile}
	return edit.Run(r, program, stdout)
}
