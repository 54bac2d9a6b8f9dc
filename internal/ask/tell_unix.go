//go:build !windows

package ask

import "context"

func (t *terminal) tell(ctx context.Context, text string) error {
	if !t.foreground() { // since we waited for our turn
		return ErrNobody
	}
	wake, err := newWaker(ctx)
	if err != nil {
		return err
	}
	defer wake.stop()
	return t.write(text, wake)
}
