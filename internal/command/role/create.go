package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Create is `aws-accounts role create NAME… | --all`.
type Create struct {
	Change
	Shape
	Adopt bool `help:"Change also roles that role create hasn't made."`
}

// Run looks, shows the plan, asks, and does it.
func (c *Create) Run(r *process.Resolver, asker *ask.Asker, stdout io.Writer, stderr tui.Stderr) error {
	return c.change(r, asker, stdout, stderr, job{
		describe: func(ctx context.Context, w *roleWork, t *roleTarget) error { return w.describe(ctx, &c.Shape, t) },
		plan:     c.plan,
		do:       (*roleWork).make,
		done:     "made",
		after: func(ctx context.Context, w *roleWork, done []*roleTarget, report *roleReport) error {
			w.checkMade(ctx, done, len(c.Trust) == 0, report) // else it may be that others alone are trusted
			return nil
		},
	})
}

// plan looks at the role, and says what has to be done. A role that isn't ours is changed only if that is asked for.
func (c *Create) plan(ctx context.Context, w *roleWork, t *roleTarget) error {
	if err := w.look(ctx, t); err != nil {
		return err
	}
	t.changes = role.Compare(t.want, t.have)
	switch differences := t.changes.Differences(); {
	case t.changes.Create:
		t.action, t.plan = "create", role.Name(t.RoleARN)+" in "+t.AccountID+": "+t.want.Describe()
	case t.changes.None() || t.changes.Tag && !c.Adopt && len(differences) == 0:
		return nil
	case t.changes.Tag && !c.Adopt:
		return hint.New(fmt.Errorf("%s: the role is there, differs, and isn't ours to change: %s", t.Name, strings.Join(differences, "; ")),
			"`aws-accounts role show %s` shows it; --adopt takes it over and changes it", t.Name)
	default:
		t.action, t.plan = "change", strings.Join(t.changes.Words, "; ")
	}
	return w.policiesExist(ctx, t)
}

// policiesExist finds out whether there are the managed policies that a role is to have, before it is made. Where that can't
// be known, attaching them tells.
func (w *roleWork) policiesExist(ctx context.Context, t *roleTarget) error {
	client, err := w.enter(ctx, t)
	if err != nil {
		return err
	}
	for _, policy := range t.changes.Attach {
		if _, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(policy)}); awscall.IsCode(err, "NoSuchEntity") {
			return hint.New(fmt.Errorf("%s: there is no policy %s", t.Name, role.Names([]string{policy})),
				"correct --policy; `aws iam list-policies --query 'Policies[].Arn'` shows what there is")
		}
	}
	return nil
}

// make does what the plan says. What it is in the middle of, it goes on with when it's called again.
func (w *roleWork) make(ctx context.Context, t *roleTarget) error {
	client, err := w.enter(ctx, t)
	if err != nil {
		return err
	}
	if t.changes.Create {
		err = createRole(ctx, client, t)
		if awscall.IsCode(err, "EntityAlreadyExists") { // by a try whose answer got lost, or by somebody else just now
			if err := w.look(ctx, t); err != nil {
				return err
			}
			if t.changes = role.Compare(t.want, t.have); t.changes.Tag {
				return hint.New(fmt.Errorf("%s: somebody else has made the role just now", t.Name), "`aws-accounts role show %s` shows it", t.Name)
			}
			err = nil
		}
	}
	if err == nil {
		err = changeRole(ctx, client, t)
	}
	if err != nil {
		return explainRole(err, t)
	}
	t.done = true
	return nil
}

func createRole(ctx context.Context, client *iam.Client, t *roleTarget) error {
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String(role.Name(t.RoleARN)),
		Path:                     aws.String(role.Path(t.RoleARN)),
		Description:              aws.String(role.Description),
		AssumeRolePolicyDocument: aws.String(t.want.Trust.Document()),
		MaxSessionDuration:       process.Seconds(t.want.MaxSession),
		Tags:                     ourTag(),
	})
	return err
}

func ourTag() []types.Tag {
	return []types.Tag{{Key: aws.String(role.TagKey), Value: aws.String(role.TagValue)}}
}

// changeRole tags first: what is begun is then ours to finish. It attaches before it detaches, lest the role have nothing.
func changeRole(ctx context.Context, client *iam.Client, t *roleTarget) (err error) {
	name := aws.String(role.Name(t.RoleARN))
	if t.changes.Tag {
		if _, err := client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: ourTag()}); err != nil {
			return err
		}
	}
	if t.changes.Trust {
		if _, err := client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(t.want.Trust.Document())}); err != nil {
			return err
		}
	}
	if t.changes.MaxSession {
		if _, err := client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: process.Seconds(t.want.MaxSession)}); err != nil {
			return err
		}
	}
	for _, policy := range t.changes.Attach {
		err := soon(ctx, time.Now().Add(roleSettles), func() error {
			_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: &policy})
			return err
		}, isRoleUnknown)
		if err != nil {
			return err
		}
	}
	for _, policy := range t.changes.Detach {
		_, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: &policy})
		if err != nil && !awscall.IsCode(err, "NoSuchEntity") {
			return err
		}
	}
	return nil
}

// How long a role that was just made may take to be known everywhere, and how often that is asked.
const (
	roleSettles      = 30 * time.Second
	roleSettlesPause = time.Second
)

// soon calls until it goes well, fails for good, or it's the end: IAM is eventually consistent.
func soon(ctx context.Context, end time.Time, call func() error, again func(error) bool) error {
	for {
		err := call()
		if err == nil || !again(err) || time.Now().After(end) || awscall.Pause(ctx, roleSettlesPause) != nil {
			return err
		}
	}
}

// isRoleUnknown: the policy may be missing as well, with the same code.
func isRoleUnknown(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && awscall.IsCode(err, "NoSuchEntity") && strings.Contains(api.ErrorMessage(), "role with name")
}
