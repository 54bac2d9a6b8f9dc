package stage

import (
	"os"
	"testing"
)

// missing skips a test that can't run on this machine, and says so; in CI, where everything is installed, it fails it.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CANNOT RUN: %s", what)
	}
	t.Skipf("NOT TESTED: %s", what)
}
