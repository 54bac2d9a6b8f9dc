//go:build !windows

package stanza

// sayable is for Windows alone: quotes serve everywhere else.
func sayable(path string) string { return path }
