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

// Read fills v from the note called name in dir, and reports whether there was a whole one.
func Read(dir, name string, v any) bool {
	if dir == "" {
		return false
	}
	data, err := os.ReadFile(place.Join(dir, name))
	return err == nil && json.Unmarshal(data, v) == nil
}

// Write replaces the note called name in dir. A reader at the same moment may find a part of it, which is none.
func Write(dir, name string, v any) {
	data, err := json.Marshal(v)
	if dir == "" || err != nil || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	os.WriteFile(place.Join(dir, name), data, 0o600)
}

// Remove removes the note called name in dir.
func Remove(dir, name string) {
	if dir != "" {
		os.Remove(place.Join(dir, name))
	}
}
