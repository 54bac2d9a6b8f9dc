package tui

import "fmt"

// Count writes a number and what it counts: 1 role, 3 roles. what is the singular of a regular noun.
func Count(n int, what string) string { return fmt.Sprintf("%d %s", n, Plural(n, what)) }

// Plural is the noun as it stands behind the number n: role, or roles.
func Plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
