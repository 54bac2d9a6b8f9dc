// Unguarded imports the keyring library alone: the control of the test beside it.
package main

import _ "github.com/99designs/keyring"

func main() {}
