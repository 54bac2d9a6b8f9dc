//go:build !linux

package nodbus

// Address returns none: see Restore.
func Address() string { return "" }

// Restore does nothing: only on Linux does the keyring library look for a bus.
func Restore() {}
