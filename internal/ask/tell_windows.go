package ask

import (
	"context"
	"io"
)

func (t *terminal) tell(_ context.Context, text string) error {
	_, err := io.WriteString(t.out, text)
	return err
}
