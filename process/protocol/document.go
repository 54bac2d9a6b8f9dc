// Package protocol is what a call of `process` promises to its caller, whichever way it takes: the document that an SDK reads,
// the time by which the call ends, and that it keeps what it got when the caller is gone.
package protocol

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
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
