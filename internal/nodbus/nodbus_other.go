//go:build !linux

package nodbus

// Restore does nothing: only on Linux does the keyring library look for a bus.
func Restore() {}
