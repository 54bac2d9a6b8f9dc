// Package private keeps the memory of this process to itself: it handles secrets.
package private

// Process forbids core dumps of this process, and other programs of the same user to read its memory or environment. It is
// best effort: a system without such a thing loses nothing else. What this process starts isn't affected.
func Process() { process() }
