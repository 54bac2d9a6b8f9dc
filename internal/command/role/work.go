package role

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"aws-accounts/accounts"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

type roleWork struct {
	*process.Resolver
	file      *accounts.File
	pace      *pace
	tell      io.Writer // of progress, if it's a terminal
	routes    *route.Table
	bases     map[string]*roleBase
	providers map[string]aws.CredentialsProvider // by the base account's name
	sharing   map[string][]*accounts.Account     // by role_arn
}

// roleTarget is one account on the way: each step fills in more, or err.
type roleTarget struct {
	*accounts.Account
	entrance    *accounts.Account // the bootstrap role as an account of its own, which is in no file
	want        role.Want
	credentials aws.Credentials
	have        *role.Have // nil where there is no such role
	changes     role.Changes
	action      string // what is to be done: "create", "change", "delete", actionNone, or nothing where all is right
	plan        string // the same in words
	done        bool
	err         error
}

func newRoleWork(r *process.Resolver, tell io.Writer) (*roleWork, error) {
	file, err := r.Accounts.File()
	if err != nil {
		return nil, err
	}
	routes, err := route.Read()
	if err != nil {
		return nil, err
	}
	w := &roleWork{Resolver: r, file: file, routes: routes, pace: newPace(), tell: tell, bases: map[string]*roleBase{}, providers: map[string]aws.CredentialsProvider{}, sharing: map[string][]*accounts.Account{}}
	for a := range file.All() {
		w.sharing[a.RoleARN] = append(w.sharing[a.RoleARN], a)
	}
	return w, nil
}

// errBootstrap refuses to change the role that we come in by: a slip there would lock the account.
func errBootstrap(a *accounts.Account) error {
	return hint.New(fmt.Errorf("%s: its role is the bootstrap role itself", a.Name),
		"give it a role of its own: `aws-accounts edit %s --role-arn=ARN`, for all `aws-accounts sync organizations --role=NAME`; or name another --bootstrap-role", a.Name)
}

// targets are the accounts with their entrances. Where credentials begin is looked at here, one after the other, since it
// may ask for an MFA code.
func (w *roleWork) targets(ctx context.Context, chosen []*accounts.Account, bootstrap *Bootstrap) ([]*roleTarget, error) {
	var targets []*roleTarget
	for _, a := range chosen {
		through, err := bootstrap.arnOf(a)
		if err != nil {
			return nil, err
		}
		t := &roleTarget{Account: a, entrance: w.file.Entry(accounts.Account{
			Name: a.Name, AccountID: a.AccountID, RoleARN: through, Source: a.Chain()[0].Name, Region: a.Region,
			SessionName: a.SessionName, Duration: accounts.Duration(accounts.ChainedDuration),
		})}
		if bootstrap.is(a) {
			t.err = errBootstrap(a)
		}
		base, err := w.base(ctx, a)
		if err == nil { // or each of a thousand accounts would fail for the same reason
			_, err = base.accountID(ctx)
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func (w *roleWork) look(ctx context.Context, t *roleTarget) error {
	client, err := w.enter(ctx, t)
	if err != nil {
		return err
	}
	name := aws.String(role.Name(t.RoleARN))
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	if awscall.IsCode(err, "NoSuchEntity") {
		t.have = nil
		return nil
	}
	if err != nil {
		return explainRole(err, t)
	}
	if t.have, err = haveOf(out.Role); err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	if t.have.ARN != t.RoleARN {
		return hint.New(fmt.Errorf("%s: there is a role of that name already, %s, and IAM allows one", t.Name, t.have.ARN),
			"use that one: `aws-accounts edit %s --role-arn=%s`", t.Name, hint.Word(t.have.ARN)) // a path may hold $(…)
	}
	return explainRole(addPolicies(ctx, client, t.have), t)
}

// addPolicies fills in the role's policies. The SDK's paginators would put all of IAM into the program, by taking the client
// as an interface.
func addPolicies(ctx context.Context, client *iam.Client, have *role.Have) error {
	name := aws.String(role.Name(have.ARN))
	for marker, more := (*string)(nil), true; more; {
		page, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name, Marker: marker})
		if err != nil {
			return err
		}
		for _, p := range page.AttachedPolicies {
			have.Attached = append(have.Attached, aws.ToString(p.PolicyArn))
		}
		marker, more = page.Marker, page.IsTruncated
	}
	for marker, more := (*string)(nil), true; more; {
		page, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name, Marker: marker})
		if err != nil {
			return err
		}
		have.Inline = append(have.Inline, page.PolicyNames...)
		marker, more = page.Marker, page.IsTruncated
	}
	return nil
}

func haveOf(r *types.Role) (*role.Have, error) {
	if r == nil {
		return nil, errors.New("AWS answered without a role")
	}
	trust, err := url.PathUnescape(aws.ToString(r.AssumeRolePolicyDocument)) // RFC 3986, so that a + is one
	if err != nil {
		return nil, errors.New("AWS answered with a trust policy that can't be read")
	}
	h := &role.Have{ARN: aws.ToString(r.Arn), Trust: trust, MaxSession: time.Duration(aws.ToInt32(r.MaxSessionDuration)) * time.Second,
		Created: aws.ToTime(r.CreateDate), Tags: map[string]string{}}
	for _, tag := range r.Tags {
		h.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return h, nil
}

// So many accounts are worked on at a time, each for so long at most.
const (
	rolesAtOnce = 20
	roleTimeout = 2 * time.Minute
)

// each does a job for every target that has no error yet, and notes its error. When ctx ends it begins no more, and waits
// for those that it has begun. It returns how many it hasn't begun.
func (w *roleWork) each(ctx context.Context, what string, targets []*roleTarget, job func(context.Context, *roleTarget) error) (left int) {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t *roleTarget) bool { return t.err != nil })
	var done, failed atomic.Int64
	stop := tui.Progress(w.tell, func() string {
		text := fmt.Sprintf("%d of %s %s", done.Load(), tui.Count(len(targets), "role"), what)
		if n := failed.Load(); n > 0 {
			text += fmt.Sprintf(", %d failed", n)
		}
		if ctx.Err() != nil {
			text += ", stopping"
		}
		return text + "; " + w.pace.String()
	})
	var workers errgroup.Group
	workers.SetLimit(rolesAtOnce)
	for _, t := range targets {
		workers.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roleTimeout)
			defer cancel()
			if t.err = job(ctx, t); t.err != nil {
				failed.Add(1)
			}
			done.Add(1)
			return nil
		})
	}
	workers.Wait()
	stop()
	return len(targets) - int(done.Load())
}

func explainRole(err error, t *roleTarget) error {
	trusted := func(process.Verdict) string { return strings.Join(t.want.Trust.Principals, ", ") }
	account := func(process.Verdict) string { return t.AccountID }
	action := func(v process.Verdict) string { return "iam:" + v.Action }
	caller := func(v process.Verdict) string {
		if v.Caller == "" {
			return ""
		}
		return v.Caller + " is "
	}
	return process.Explain(err, t.entrance, []process.Row{
		{Codes: process.CodesDenied + " UnauthorizedOperation", Definite: true,
			Says: process.Say("%snot allowed %s%s", caller, action, process.Verdict.Because),
			Next: process.Say("`aws-accounts role policy %s` shows what the bootstrap role needs; "+
				"a service control policy may forbid it too", process.Verdict.Word)},
		{Codes: "MalformedPolicyDocument MalformedPolicyDocumentException", Definite: true,
			Says: process.Say("AWS doesn't accept the trust policy: %s", process.Verdict.AWSSays),
			Next: process.Say("check that whom it trusts exists (--trust): %s", trusted)},
		{Codes: "NoSuchEntity NoSuchEntityException", Definite: true, Says: process.Verdict.AWSSays,
			Next: process.Say("somebody else may be changing it: try again")},
		{Codes: "LimitExceeded LimitExceededException", Definite: true,
			Says: process.Say("one of the account's limits is reached: %s", process.Verdict.AWSSays),
			Next: process.Say("delete what nobody uses there, or ask AWS for more (Service Quotas)")},
		{Codes: "DeleteConflict DeleteConflictException", Definite: true,
			Says: process.Say("something still uses the role: %s", process.Verdict.AWSSays),
			Next: process.Say("take it out of its instance profiles in %s first", account)},
	}...)
}

// pace keeps the calls of one command within AWS's rates, and counts them. IAM's rates hold for each account, where we make
// a handful of calls; STS counts all our AssumeRole in the account that they come from, and allows it 600 a second together
// with everybody else there.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
type pace struct {
	bucket    *rate.Limiter
	throttled atomic.Int64
}

const callsPerSecond = 200

func newPace() *pace { return &pace{bucket: rate.NewLimiter(callsPerSecond, rolesAtOnce)} }

// of returns config so that each try of a call waits for its turn, and that throttled calls are tried until they get through.
func (p *pace) of(config aws.Config) aws.Config {
	config.HTTPClient = pacedClient{config.HTTPClient, p}
	config.Retryer = func() aws.Retryer {
		return awscall.Counting{RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 8
			o.MaxBackoff = 5 * time.Second
			o.RateLimiter = ratelimit.None // it would give up after a hundred refusals, however many calls went well
		}), Throttled: &p.throttled}
	}
	return config
}

func (p *pace) String() string {
	text := fmt.Sprintf("at most %d calls a second", callsPerSecond)
	if n := p.throttled.Load(); n > 0 {
		text += fmt.Sprintf(", %d throttled by AWS", n)
	}
	return text
}

type pacedClient struct {
	aws.HTTPClient
	pace *pace
}

func (c pacedClient) Do(r *http.Request) (*http.Response, error) {
	if err := c.pace.bucket.Wait(r.Context()); err != nil {
		return nil, err
	}
	return c.HTTPClient.Do(r)
}
