//go:build !linux

package item

// FromSecretService is for Linux.
func FromSecretService(_, _, _ string) ([]byte, error) { return nil, ErrUnavailable }
