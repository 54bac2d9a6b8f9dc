// Package soak runs the real program for a long time, many times at once, while everything around it fails at random, and
// counts what must not happen: wrong answers, and processes, descriptors or files left behind. `make soak` is by hand; the
// package's test does the same for a few seconds.
package soak
