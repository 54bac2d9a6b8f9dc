// Package note keeps small notes between processes: what failed last, which code was used, which keychain was chosen.
//
// A note holds nothing secret and may be lost, torn or refused at any time: who reads none finds out for himself. Without
// a folder (dir "") there are no notes.
package note

import (
	"encoding/json"
	"os"

	"aws-accounts/internal/place"
)

// most is far above any note of ours, in bytes. What is no file or larger isn't one: it might keep us waiting, or fill the memory.
const most = 64 << 10

// Read fills v from the note called name in dir, and reports whether there was a whole one.
func Read(dir, name string, v any) bool {
	if dir == "" {
		return false
	}
	path := place.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return false
	}
	data, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(data, v) == nil
}

// Write replaces the note called name in dir. A reader at the same moment may find a part of it, which is none.
func Write(dir, name string, v any) {
	data, err := json.Marshal(v)
	if dir == "" || err != nil || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	path := place.Join(dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		os.Remove(path) // a pipe would keep us waiting
	}
	os.WriteFile(path, data, 0o600)
}

// Remove removes the note called name in dir.
func Remove(dir, name string) {
	if dir != "" {
		os.Remove(place.Join(dir, name))
	}
}
