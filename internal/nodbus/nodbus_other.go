//go:build !linux

package nodbus

// Watch does nothing: see Restore.
func Watch() {}

// Unwatch does nothing: see Restore.
func Unwatch() {}

// Address returns none: see Restore.
func Address() string { return "" }

// Restore does nothing: only on Linux does the keyring library look for a bus.
func Restore() {}
