package role

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	smithy "github.com/aws/smithy-go"

	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// checkMade assumes each role that was made or changed, as a session of it will be: only that shows that it works. By now
// the first of them have had their time to become known. A role that takes an MFA code each time isn't tried.
func (w *roleWork) checkMade(ctx context.Context, made []*roleTarget, ours bool, report *roleReport) {
	var fit []*roleTarget
	untried := false
	for _, t := range made {
		switch {
		case !t.done || !t.changes.Create && !t.changes.Trust && !t.changes.MaxSession:
		case !ours || t.Account.CodeOwner() != nil:
			untried = true
		default:
			fit = append(fit, t)
		}
	}
	end := time.Now().Add(roleSettles)
	w.each(ctx, "tried", fit, func(ctx context.Context, t *roleTarget) error {
		err := soon(ctx, end, func() error { return w.try(ctx, t) }, mayBeUnknown)
		if err = process.Explain(err, t.Account); err != nil {
			return hint.New(fmt.Errorf("%s: made, but assuming it fails: %s", t.Name, strings.TrimPrefix(err.Error(), t.Name+": ")), "%s", hint.Of(err))
		}
		return nil
	})
	for _, t := range fit {
		if t.err != nil {
			report.failed(t)
		}
	}
	if untried {
		tui.Say(report.out, "note: what was just made or changed can take AWS some ten seconds to take effect")
	}
}

// mayBeUnknown: AWS refuses a role that it doesn't know yet in the same words as one that doesn't trust us, but says so if it's
// our own policies that keep us out.
func mayBeUnknown(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && awscall.IsCode(err, "AccessDenied") && !strings.Contains(api.ErrorMessage(), "identity-based policy")
}

func (w *roleWork) try(ctx context.Context, t *roleTarget) error {
	base, err := w.base(ctx, t.Account)
	if err != nil {
		return err
	}
	c := base.Client
	way, err := w.routes.To(t.Account)
	if err != nil {
		return err
	}
	if source := t.Account.SourceAccount(); !source.IsBase() && source.SSO == nil {
		if c, way, err = w.Client(ctx, t.Account); err != nil {
			return err
		}
		c = c.Through(w.pace.of)
	}
	_, err = c.AssumeRole(ctx, way.Last(), way.Origin.Kind, "")
	return err
}
