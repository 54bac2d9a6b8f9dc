//go:build !windows

package place

import "path"

// Join is filepath.Join. That package has an init which the language puts behind most others, and with it whatever imports it:
// what a warm `process` needs must not (see process/warm).
func Join(parts ...string) string { return path.Join(parts...) }

func isAbs(p string) bool { return path.IsAbs(p) }
