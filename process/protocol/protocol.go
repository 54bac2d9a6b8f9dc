// Package protocol is what a call of `process` promises to its caller, whichever way it takes: the document that an SDK reads,
// the time by which the call ends, and that it keeps what it got when the caller is gone. The warm answer and the core take it
// from here, so that neither can hand out what the other would not.
package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
)

// Document is version 1 of the format.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
type Document struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string    // "" for long-term keys
	Expires         time.Time // zero for credentials that can't expire, which carry no Expiration
	AccountID       string    // "" if not known
}

// Write writes the document in one write: a caller that reads a part of it reads no whole document.
func (d Document) Write(w io.Writer) error {
	document := struct {
		Version         int
		AccessKeyId     string
		SecretAccessKey string
		SessionToken    string `json:",omitempty"`
		Expiration      string `json:",omitempty"`
		AccountId       string `json:",omitempty"`
	}{1, d.AccessKeyID, d.SecretAccessKey, d.SessionToken, "", d.AccountID}
	if !d.Expires.IsZero() {
		document.Expiration = d.Expires.UTC().Format(time.RFC3339)
	}
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

const (
	// AttemptLimit is how long an attempt to get credentials may take: what it obtains is then kept before CallLimit.
	AttemptLimit = 52 * time.Second
	// CallLimit is when a call gives up that something holds up which knows no deadline, as a file on a server that
	// doesn't answer. Both count from the start of the program.
	CallLimit = 55 * time.Second
)

var began = time.Now()

// Remaining returns how much time there is until limit after the start.
func Remaining(limit time.Duration) time.Duration { return time.Until(began.Add(limit)) }

// NotFinished is the error of a call that has reached CallLimit.
func NotFinished(name string) error {
	return hint.New(fmt.Errorf("%s: not finished within %s", name, CallLimit), "`aws-accounts doctor %s` shows what doesn't answer", name)
}

// hangUps counts for this process and its children: not so under nohup.
var hangUps = !signal.Ignored(syscall.SIGHUP)

// IgnoreHangup keeps the process alive when whoever started it has closed the pipe or the terminal that it writes to:
// what was obtained is cached all the same. It catches the signals: what is ignored here, a program started from here
// ignores too.
func IgnoreHangup() {
	nobody := make(chan os.Signal, 1)
	signal.Notify(nobody, syscall.SIGPIPE)
	if hangUps {
		signal.Notify(nobody, syscall.SIGHUP)
	}
}

// IgnoreHangupWhileAlone is IgnoreHangup as long as no program is started. It takes no thread of its own, and so a
// third of a millisecond less.
func IgnoreHangupWhileAlone() { signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) }

// EndpointVariables are the variables that have a session issued by another service than AWS's own, or by one that ~/.aws
// names: an emulator, a private endpoint. Endpoints of services that issue none are nobody's identity.
var EndpointVariables = []string{
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_SIGNIN",
	"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

// Variant tells the environments apart whose sessions must never stand in for each other, nor push each other out of the
// keychain: it is part of a session's key. "" is the usual environment: AWS's own endpoints, and ~/.aws in its place.
//
// The warm answer knows no more of the environment than this. Whatever else in it shapes a session makes its plan volatile
// (see cache.Plan), and is compared there.
func Variant() string { return VariantOf(os.Getenv, place.AWSElsewhere()) }

// VariantOf is Variant for another environment, and for what of ~/.aws lies elsewhere there.
func VariantOf(getenv func(string) string, elsewhere []string) string {
	sum, usual := sha256.New(), true
	add := func(name, value string) {
		usual = false
		sum.Write([]byte(name + "=" + value + "\n"))
	}
	for _, name := range EndpointVariables {
		if value := getenv(name); value != "" {
			add(name, value)
		}
	}
	for _, path := range elsewhere { // it may name endpoints
		add("file", path)
	}
	if usual {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}
