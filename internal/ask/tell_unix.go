//go:build !windows

package ask

import "context"

func (t *terminal) tell(ctx context.Context, text string) error {
	wake, err := newWaker(ctx)
	if err != nil {
		return err
	}
	defer wake.stop()
	return t.write(text, wake)
}
