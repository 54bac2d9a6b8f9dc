package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Change is what the commands that change roles have in common: they look at each role, show what they will do, ask, and do it.
type Change struct {
	Targets
	Bootstrap
	DryRun bool `help:"Show what would be done, and do nothing."`
	Yes    bool `short:"y" help:"Don't ask whether to."`
}

// job is what one of the commands does to each target.
type job struct {
	describe func(context.Context, *roleWork, *roleTarget) error // nil, or says first what the role should be
	plan     func(context.Context, *roleWork, *roleTarget) error
	do       func(*roleWork, context.Context, *roleTarget) error
	done     string // "made"
	after    func(context.Context, *roleWork, []*roleTarget, *roleReport) error
}

func (c *Change) change(r *process.Resolver, asker *ask.Asker, stdout io.Writer, stderr tui.Stderr, job job) error {
	ctx, stop := tui.Interruptible()
	defer stop()
	w, err := newRoleWork(r, stderr.Writer)
	if err != nil {
		return err
	}
	chosen, err := c.roles(w.file)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(chosen), func(a *accounts.Account) bool { return c.is(a) && !c.names(a) })
	if len(others) == 0 {
		return errBootstrap(chosen[0])
	}
	targets, err := w.targets(ctx, others, &c.Bootstrap)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if job.describe == nil {
			break
		}
		if err := job.describe(ctx, w, t); err != nil {
			return err
		}
	}
	if left := w.each(ctx, "looked at", targets, func(ctx context.Context, t *roleTarget) error { return job.plan(ctx, w, t) }); left > 0 {
		return hint.New(errors.New("stopped before anything was done"), "the same command begins anew")
	}
	report := &roleReport{out: stdout, screen: tui.ScreenOf(stdout)}
	todo := report.plan(targets)
	if len(todo) == 0 || c.DryRun {
		return report.err()
	}
	if err := ask.Consent(ctx, asker, c.Yes, question(todo), false); err != nil {
		return err
	}
	left := w.each(ctx, job.done, todo, func(ctx context.Context, t *roleTarget) error { return job.do(w, ctx, t) })
	report.done(todo)
	if err := job.after(ctx, w, todo, report); err != nil {
		return err
	}
	if left > 0 {
		return hint.New(fmt.Errorf("stopped: %d of %s are still to be %s", left, tui.Count(len(todo), "role"), job.done), "the same command goes on with the rest")
	}
	return report.err()
}

// question is like "Create 3 roles and change 2 in AWS?".
func question(todo []*roleTarget) string {
	count := map[string]int{}
	for _, t := range todo {
		count[t.action]++
	}
	var parts []string
	for _, action := range []string{"create", "change", "delete"} {
		switch n := count[action]; {
		case n > 0 && len(parts) == 0:
			parts = append(parts, fmt.Sprintf("%s%s %s", strings.ToUpper(action[:1]), action[1:], tui.Count(n, "role")))
		case n > 0:
			parts = append(parts, fmt.Sprintf("%s %d", action, n))
		}
	}
	return strings.Join(parts, " and ") + " in AWS?"
}
