package accounts

import (
	"fmt"
	"time"
)

// Stamp identifies a version of the file without reading it: two equal stamps, the first of them settled, are the same
// content. The zero Stamp is no version.
type Stamp struct {
	id      string
	changed time.Time
}

// Stat stamps the file that path leads to, by one system call.
func Stat(path string) (Stamp, error) {
	s, err := stat(path)
	if err != nil {
		return Stamp{}, notFound(path, err)
	}
	return s, nil
}

// String is short and opaque, for keeping and comparing.
func (s Stamp) String() string { return s.id }

// Settled reports whether the file had been left alone long enough when it was stamped, at now, for any later change to
// give another stamp. File systems keep times in steps, of a clock tick (1 to 10 ms) on most and of 2 s on the coarsest
// (FAT), and a second change within a step can go unseen. A change in the future isn't settled either.
func (s Stamp) Settled(now time.Time) bool {
	return s.id != "" && now.Sub(s.changed) >= 2*time.Second
}

func stamp(changed time.Time, parts ...any) Stamp {
	id := ""
	for i, p := range parts {
		if i > 0 {
			id += "."
		}
		id += fmt.Sprintf("%x", p)
	}
	return Stamp{id, changed}
}
