package keys

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Two that move in opposite directions at once could lose an access key: each finds it in its place, and deletes the other.
func TestOneMovesAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := aloneMoving(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := aloneMoving(short, dir); err == nil || !strings.Contains(err.Error(), "is at work") {
		t.Errorf("a second one beside the first: %v", err)
	}
	release()
	release, err = aloneMoving(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	release()
}
