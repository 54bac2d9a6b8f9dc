//go:build !linux

package patience

func overloaded() bool { return false }
