package setup

import (
	"io"

	"aws-accounts/examples"
)

// Schema is `aws-accounts schema`: the JSON Schema of the accounts file.
type Schema struct{}

// Help is shown by `schema -h`.
func (Schema) Help() string {
	return `Example:
  aws-accounts schema > ~/.config/aws-accounts/accounts.schema.json

Then "$schema": "./accounts.schema.json" at the top of the accounts file lets editors complete and check it.`
}

// Run writes it.
func (Schema) Run(stdout io.Writer) error {
	_, err := stdout.Write(examples.Schema)
	return err
}
