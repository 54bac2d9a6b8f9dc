//go:build !linux

package item

// Only Linux's kernel keeps keys.

func Kept(string) (*StoreKey, error) { return nil, ErrNotFound }
func Keep(string, *StoreKey) bool    { return false }
func Forget(string)                  {}
