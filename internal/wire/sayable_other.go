//go:build !windows

package wire

// sayable is for Windows alone: quotes serve everywhere else.
func sayable(path string) string { return path }
