//go:build !linux

package process

// Caller returns the name of the program that started us, for the access log; it is not known on this platform.
func Caller() string { return "" }
