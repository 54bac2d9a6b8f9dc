// Package private keeps the memory of this process to itself: it handles secrets.
package private

import (
	"os"
	"slices"
	"strings"
)

// Process forbids core dumps of this process, and other programs of the same user to read its memory or environment. It is
// best effort: a system without such a thing loses nothing else. What this process starts isn't affected.
func Process() { process() }

// What is meant for this process alone, as it opens more than a program that it starts is meant to have.
const (
	Passphrase = "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE"
	ServeToken = "AWS_ACCOUNTS_SERVE_TOKEN"
)

// Variables are the environment variables with secrets for this process alone.
var Variables = []string{Passphrase, ServeToken}

// Environment is that of a program which this process starts: its own, without those variables.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return slices.ContainsFunc(Variables, func(name string) bool { // on Windows case makes no difference
			return len(entry) > len(name) && entry[len(name)] == '=' && strings.EqualFold(entry[:len(name)], name)
		})
	})
}

// HideVariables is for what starts a program itself, with this process's environment: they are gone until restore.
func HideVariables() (restore func()) {
	before := map[string]string{}
	for _, name := range Variables {
		if value, set := os.LookupEnv(name); set {
			before[name] = value
			os.Unsetenv(name)
		}
	}
	return func() {
		for name, value := range before {
			os.Setenv(name, value)
		}
	}
}
