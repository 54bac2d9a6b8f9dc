// Package examples has those of the examples that the program itself prints.
package examples

import _ "embed"

// Schema is the JSON Schema of the accounts file (draft 7, which every editor knows). It is looser than accounts.Parse, which knows
// how fields belong together; a test of that package holds it against the model.
//
//go:embed accounts.schema.json
var Schema []byte
