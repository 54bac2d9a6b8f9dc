package awsfiles

import (
	"fmt"
	"slices"
	"strings"
)

// Misread is what some programs make of a credential_process that others run as it's meant.
type Misread struct {
	Who  string // the programs
	What string // what they do, to be read behind Who
	Hard bool   // programs that people use every day: AWS CLI, boto3, the SDKs, Terraform
}

// Misreads are the callers that take a command apart in another way than it was meant, none for what [Command] writes for
// a path of plain characters. The AWS CLI and boto3 split by the rules of a shell but aren't one; the Go SDK, Terraform,
// Java, JavaScript, .NET, PHP, Ruby and C++ start a shell; minio-go and restic split at blanks alone, and refuse one word.
func Misreads(command, goos string) []Misread {
	const boto, shell, plain = "the AWS CLI and boto3", "Terraform and the SDKs", "minio-go and restic"
	if goos == "windows" {
		if caveat := caveat(command, goos); caveat != "" {
			return []Misread{{"callers", "differ: " + caveat, true}}
		}
		return nil
	}
	words, err := splitPOSIX(command)
	if err != nil || len(words) == 0 {
		return []Misread{{boto, "can't run it: " + fmt.Sprint(err), true}}
	}
	var out []Misread
	program := words[programAt(words)]
	if !strings.HasPrefix(program, "/") && !expands(program) {
		out = append(out, Misread{"every caller", fmt.Sprintf("looks for %q in a PATH or folder of its own", printable(program)), true})
	}
	if unquoted := bare(command); strings.ContainsAny(unquoted, "$`") || slices.ContainsFunc(strings.Fields(unquoted), func(w string) bool { return w[0] == '~' }) {
		out = append(out, Misread{boto, "take ~ and $ as they stand, as they start no shell", true})
	} else if strings.ContainsAny(unquoted, ";&|<>()*?[#") {
		out = append(out, Misread{shell, "obey what only a shell knows, which the AWS CLI hands on as words", true})
	}
	switch fields := strings.Fields(command); {
	case len(fields) == 1:
		out = append(out, Misread{plain, "refuse a command of one word", false})
	case !slices.Equal(fields, words):
		out = append(out, Misread{plain, fmt.Sprintf("split at blanks alone and would start %s", printable(fields[0])), false})
	}
	return out
}

// Program is the program that a command of ours starts, "" if it can't be told.
func Program(command, goos string) string {
	split := splitPOSIX
	if goos == "windows" {
		split = splitWindows
	}
	words, err := split(command)
	if err != nil || len(words) == 0 {
		return ""
	}
	return words[programAt(words)]
}

// programAt is the index of the program behind `env` and assignments, 0 if there is none.
func programAt(words []string) int {
	for i, w := range words {
		if isProgram(w, binaryName) {
			return i
		}
	}
	return 0
}

func expands(word string) bool {
	return strings.HasPrefix(word, "~") || strings.ContainsAny(word, "$`")
}

// bare is what a shell sees outside of quotes; what is quoted is x.
func bare(command string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			b.WriteByte('x')
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			i++
			b.WriteByte('x')
		case quote == '"' && (c == '$' || c == '`'): // a shell expands these here, too
			b.WriteByte(c)
		case quote == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
