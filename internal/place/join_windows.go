package place

import "path/filepath"

// Join is filepath.Join.
func Join(parts ...string) string { return filepath.Join(parts...) }

func isAbs(p string) bool { return filepath.IsAbs(p) }
