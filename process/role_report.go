package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
)

// roleReport says what becomes of each account, a line each, and counts.
type roleReport struct {
	out    io.Writer
	screen tui.Screen
	errs   []error
}

func (p *roleReport) line(action string, style tui.Style, t *roleTarget, what string) {
	const indent = "         "
	width := 0
	if p.screen.Width > 2*len(indent) {
		width = p.screen.Width - len(indent)
	}
	text := strings.Join(tui.Wrap(tui.Harmless(t.Name+": "+what), width), "\n"+indent)
	fmt.Fprintf(p.out, "%s  %s\n", p.screen.Paint(style, fmt.Sprintf("%-7s", action)), text)
}

func (p *roleReport) failed(t *roleTarget) {
	p.errs = append(p.errs, t.err)
	p.line("failed", tui.Red, t, strings.TrimPrefix(t.err.Error(), t.Name+": "))
}

// plan says what has to be done. It returns those it concerns, and how many of them have no role yet.
func (p *roleReport) plan(targets []*roleTarget) (todo []*roleTarget, creates int) {
	right := 0
	for _, t := range targets {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.changes.Create:
			creates++
			todo = append(todo, t)
			p.line("create", tui.Green, t, role.Name(t.RoleARN)+" in "+t.AccountID+": "+t.want.Describe())
		case !t.changes.None():
			todo = append(todo, t)
			p.line("change", tui.Yellow, t, strings.Join(t.changes.Words, "; "))
		default:
			right++
		}
	}
	switch {
	case right == 1:
		fmt.Fprintln(p.out, "1 role as it should be")
	case right > 1:
		fmt.Fprintf(p.out, "%d roles as they should be\n", right)
	}
	return todo, creates
}

// made says what became of the plan.
func (p *roleReport) made(todo []*roleTarget) {
	for _, t := range todo {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.made.IsZero(): // not begun
		case t.changes.Create:
			p.line("created", tui.Green, t, t.RoleARN)
		default:
			p.line("changed", tui.Green, t, t.RoleARN)
		}
	}
}

var errStoppedEarly = hint.New(errors.New("stopped before anything was done"), "the same command begins anew")

func stopped(left, all int, what string) error {
	return hint.New(fmt.Errorf("stopped: %d of %s are still to be %s", left, many(all, "role"), what), "the same command goes on with the rest")
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// err is nil if nothing failed. Else its hint is the first failure's: mostly they are all of a kind.
func (p *roleReport) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return hint.New(fmt.Errorf("%s failed", many(len(p.errs), "account")), "%s", firstHint(p.errs))
}

func firstHint(errs []error) string {
	for _, err := range errs {
		if h := hint.Of(err); h != "" {
			return h
		}
	}
	return "the same command tries those again that failed"
}

// policyCheck finds out whether managed policies exist before a role is made that should have them. One of AWS's own is
// looked up once, for all accounts.
type policyCheck struct {
	mu    sync.Mutex
	known map[string]func() error
}

func (p *policyCheck) exist(ctx context.Context, w *roleWork, t *roleTarget) error {
	for _, policy := range t.changes.Attach {
		if err := p.once(policy, func() error { return w.policyExists(ctx, t, policy) })(); err != nil {
			return hint.New(fmt.Errorf("%s: %w", t.Name, err), "%s", hint.Of(err))
		}
	}
	return nil
}

func (p *policyCheck) once(policy string, check func() error) func() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string]func() error{}
	}
	if p.known[policy] == nil {
		p.known[policy] = sync.OnceValue(check)
	}
	return p.known[policy]
}

// policyExists leaves it open whether, if that can't be known: attaching it tells.
func (w *roleWork) policyExists(ctx context.Context, t *roleTarget, policy string) error {
	client, err := w.enter(ctx, t)
	if err != nil {
		return nil
	}
	if _, err = client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(policy)}); isCode(err, "NoSuchEntity") {
		return noPolicy(policy)
	}
	return nil
}

func noPolicy(policy string) error {
	return hint.New(fmt.Errorf("there is no policy %s", role.Names([]string{policy})),
		"correct --policy; `aws iam list-policies --query 'Policies[].Arn'` shows what there is")
}

// explainRole says what AWS has against one call about an account's role.
func explainRole(err error, file *accounts.File, t *roleTarget) error {
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return explain(err, file, t.entrance)
	}
	refused := &refusal{Code: api.ErrorCode(), RequestID: requestID(err), definite: true}
	action := "IAM"
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		action = "iam:" + op.Operation()
	}
	switch refused.Code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		refused.message = fmt.Sprintf("%s: not allowed %s", t.Name, action)
		if who := principal.FindString(api.ErrorMessage()); who != "" {
			refused.message = fmt.Sprintf("%s: %s is not allowed %s", t.Name, who, action)
		}
		return hint.New(refused, "`aws-accounts role policy %s` shows what the bootstrap role needs; a service control policy may forbid it too", t.Name)
	case "MalformedPolicyDocument", "MalformedPolicyDocumentException":
		refused.message = fmt.Sprintf("%s: AWS doesn't accept the trust policy: %s", t.Name, plain(err))
		return hint.New(refused, "check that whom it trusts exists (--trust): %s", strings.Join(t.want.Trust.Principals, ", "))
	case "NoSuchEntity", "NoSuchEntityException":
		refused.message = fmt.Sprintf("%s: %s", t.Name, plain(err))
		return hint.New(refused, "somebody else may be changing it: try again")
	case "LimitExceeded", "LimitExceededException":
		refused.message = fmt.Sprintf("%s: one of the account's limits is reached: %s", t.Name, plain(err))
		return hint.New(refused, "delete what nobody uses there, or ask AWS for more (Service Quotas)")
	case "DeleteConflict", "DeleteConflictException":
		refused.message = fmt.Sprintf("%s: something still uses the role: %s", t.Name, plain(err))
		return hint.New(refused, "take it out of its instance profiles in %s first", t.AccountID)
	}
	return explain(err, file, t.entrance)
}
