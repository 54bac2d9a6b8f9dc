package role

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Delete is `aws-accounts role delete NAME…`.
type Delete struct{ Change }

// Run looks, shows the plan, asks, and does it.
func (c *Delete) Run(r *process.Resolver, asker *ask.Asker, stdout io.Writer, stderr tui.Stderr) error {
	return c.change(r, asker, stdout, stderr, job{plan: planDelete, do: (*roleWork).delete, done: "deleted", after: forget})
}

// forget drops the sessions of roles that are no more.
func forget(_ context.Context, w *roleWork, done []*roleTarget, _ *roleReport) error {
	var names []string
	for _, t := range done {
		if t.done {
			names = append(names, accounts.NamesOf(w.sharing[t.RoleARN])...)
		}
	}
	if _, err := w.Sessions.Forget(context.Background(), names); err != nil {
		return fmt.Errorf("deleted, but the sessions could not be forgotten: %w", err)
	}
	return nil
}

func planDelete(ctx context.Context, w *roleWork, t *roleTarget) error {
	if err := w.look(ctx, t); err != nil {
		return err
	}
	switch {
	case t.have == nil:
		t.action, t.plan = actionNone, "there is no such role"
	case !t.have.Ours():
		return hint.New(fmt.Errorf("%s: the role isn't ours to delete: it has no tag %s", t.Name, role.TagKey),
			"`aws-accounts role show %s` shows it; `aws-accounts role create %s --adopt` would make it ours", t.Name, t.Name)
	default:
		with := append([]string{role.Names(t.have.Attached)}, t.have.Inline...)
		t.action, t.plan = "delete", t.RoleARN+" with "+strings.Join(with, ", ")
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
	t.done = true
	return nil
}
