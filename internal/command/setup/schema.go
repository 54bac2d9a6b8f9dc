package setup

import (
	"io"

	"aws-accounts/examples"
)

// Schema is `aws-accounts schema`: the JSON Schema of the accounts file.
type Schema struct{}

// Run writes it.
func (Schema) Run(stdout io.Writer) error {
	_, err := stdout.Write(examples.Schema)
	return err
}
