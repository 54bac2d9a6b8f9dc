// Package pattern has regular expressions that are compiled when they are first used. A warm `process` call uses none of
// them, and compiling them all as the program starts would take more than half a millisecond of its few.
package pattern

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression to be. Its methods may be called concurrently.
type Pattern func() *regexp.Regexp

// New returns the pattern of expr, which panics on its first use if it doesn't compile.
func New(expr string) Pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// MatchString is the method of regexp.Regexp.
func (p Pattern) MatchString(s string) bool { return p().MatchString(s) }

// FindString is the method of regexp.Regexp.
func (p Pattern) FindString(s string) string { return p().FindString(s) }

// FindStringSubmatch is the method of regexp.Regexp.
func (p Pattern) FindStringSubmatch(s string) []string { return p().FindStringSubmatch(s) }

// ReplaceAllString is the method of regexp.Regexp.
func (p Pattern) ReplaceAllString(s, with string) string { return p().ReplaceAllString(s, with) }
