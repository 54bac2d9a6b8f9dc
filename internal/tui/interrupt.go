package tui

import (
	"context"
	"os/signal"
	"syscall"
)

// Interruptible ends ctx at the first Ctrl-C; the second one ends the program at once.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
