package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	config := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(config, []byte(`{"users": [{"account": "123456789012", "name": "me", "mfa": [{}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-config", config}, w, io.Discard) }()
	buffer := make([]byte, 4096)
	n, err := r.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	env := string(buffer[:n])
	_, address, ok := strings.Cut(env, "export STANDIN='")
	address, _, _ = strings.Cut(address, "'")
	if !ok || !strings.Contains(env, "export AWS_ENDPOINT_URL='"+address+"'\n") || !strings.Contains(env, "AWS_ACCESS_KEY_ID='AKIA") {
		t.Fatalf("printed %s", env)
	}
	answer, err := http.Get(address + "/_standin/mfa?serial=arn:aws:iam::123456789012:mfa/me")
	if err != nil {
		t.Fatal(err)
	}
	code, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if len(code) != 7 {
		t.Errorf("a code %q", code)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	config := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(config, []byte(`{"user": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-config", config}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), `unknown field "user"`) {
		t.Errorf("got %v", err)
	}
}
