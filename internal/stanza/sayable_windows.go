package stanza

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// sayable is the path with the short names of what would need quotes, which Terraform and others lose on the way through
// cmd.exe (aws/aws-sdk-go-v2#3208): C:\PROGRA~1 for C:\Program Files. A drive may have no short names; the path stays then.
func sayable(path string) string {
	if !strings.ContainsAny(path, " &()^;,='`%") || path == filepath.Dir(path) {
		return path
	}
	dir, name := sayable(filepath.Dir(path)), filepath.Base(path)
	if strings.ContainsAny(name, " &()^;,='`%") {
		name = shortName(path)
	}
	return filepath.Join(dir, name)
}

func shortName(path string) string {
	long, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return filepath.Base(path)
	}
	short := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetShortPathName(long, &short[0], uint32(len(short)))
	if err != nil || n == 0 || int(n) >= len(short) {
		return filepath.Base(path)
	}
	return filepath.Base(windows.UTF16ToString(short[:n]))
}
