package role

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Delete is `aws-accounts role delete NAME…`.
type Delete struct {
	Targets
	Bootstrap
	DryRun bool `help:"Show what would be done, and do nothing."`
	Yes    bool `short:"y" help:"Don't ask whether to."`
}

// Run looks, shows the plan, asks, and does it.
func (c *Delete) Run(r *process.Resolver, asker *ask.Asker, stdout io.Writer, stderr tui.Stderr) error {
	ctx, stop := tui.Interruptible()
	defer stop()
	w, targets, err := beginRoles(ctx, r, stderr, &c.Targets, &c.Bootstrap)
	if err != nil {
		return err
	}
	if left := w.each(ctx, "looked at", targets, w.planDelete); left > 0 {
		return errStoppedEarly
	}
	report := roleReport{out: stdout, screen: tui.ScreenOf(stdout)}
	var todo []*roleTarget
	for _, t := range targets {
		switch {
		case t.err != nil:
			report.failed(t)
		case t.have == nil:
			report.line("gone", tui.Faint, t, "there is no such role")
		default:
			todo = append(todo, t)
			with := append([]string{role.Names(t.have.Attached)}, t.have.Inline...)
			report.line("delete", tui.Red, t, t.RoleARN+" with "+strings.Join(with, ", "))
		}
	}
	if len(todo) == 0 || c.DryRun {
		return report.err()
	}
	if err := ask.Consent(ctx, asker, c.Yes, fmt.Sprintf("Delete %s in AWS?", tui.Count(len(todo), "role"))); err != nil {
		return err
	}

	left := w.each(ctx, "deleted", todo, w.delete)
	var names []string
	for _, t := range todo {
		switch {
		case t.err != nil:
			report.failed(t)
		case t.have == nil:
			for _, entry := range w.sharing[t.RoleARN] {
				names = append(names, entry.Name)
			}
			report.line("deleted", tui.Green, t, t.RoleARN)
		}
	}
	if _, err := r.Sessions.Forget(context.Background(), names); err != nil {
		return fmt.Errorf("deleted, but the sessions could not be forgotten: %w", err)
	}
	if left > 0 {
		return stopped(left, len(todo), "deleted")
	}
	return report.err()
}

func (w *roleWork) planDelete(ctx context.Context, t *roleTarget) error {
	if err := w.look(ctx, t); err != nil || t.have == nil {
		return err
	}
	if !t.have.Ours() {
		return hint.New(fmt.Errorf("%s: the role isn't ours to delete: it has no tag %s", t.Name, role.TagKey),
			"`aws-accounts role show %s` shows it; `aws-accounts role create %s --adopt` would make it ours", t.Name, t.Name)
	}
	return nil
}

// delete takes the policies first, without which IAM deletes no role. A role that is half gone is still ours to delete.
func (w *roleWork) delete(ctx context.Context, t *roleTarget) error {
	client, err := w.enter(ctx, t)
	if err != nil {
		return err
	}
	name := aws.String(role.Name(t.RoleARN))
	steps := []func() error{}
	for _, policy := range t.have.Attached {
		steps = append(steps, func() error {
			_, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: &policy})
			return err
		})
	}
	for _, policy := range t.have.Inline {
		steps = append(steps, func() error {
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &policy})
			return err
		})
	}
	steps = append(steps, func() error {
		_, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		return err
	})
	for _, step := range steps {
		if err := step(); err != nil && !awscall.IsCode(err, "NoSuchEntity") { // a try whose answer got lost
			return explainRole(err, t)
		}
	}
	t.have = nil
	return nil
}
