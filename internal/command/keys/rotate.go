package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Rotate is `aws-accounts keys rotate NAME`.
type Rotate struct {
	Name    string `arg:"" optional:"" help:"The account; without it, the only one that begins in the keychain."`
	MFACode string `name:"mfa-code" help:"The six digits of the MFA device, instead of asking for them." placeholder:"123456"`
	KeepOld bool   `help:"Leave the old key at AWS until the same command is run again without this: for others who still use it."`
	Yes     bool   `help:"Rotate without asking, although the key is written down elsewhere, or in use by something else."`
}

// Run rotates, or goes on with a rotation that was interrupted. However it ends, the keychain holds a key that works, and
// what it is in the middle of: the same command goes on from there.
func (c *Rotate) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM) // to say where it stopped; SIGKILL does no harm either
	defer stop()
	file, err := r.Accounts.File()
	if err != nil {
		return err
	}
	a, err := keysAccount(file, c.Name)
	if err != nil {
		return err
	}
	if !a.Way().Keychain {
		return hint.New(fmt.Errorf("%s doesn't begin in the keychain, so nobody would have its new key", a.Name),
			"`aws-accounts keys add %s` puts one there, or `aws-accounts keys import --remove` moves that of its profile", a.Name)
	}
	before, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	if err != nil {
		return process.ExplainItem(err, a)
	}
	release, err := accesskey.Lock(ctx, r, a.Name)
	if err != nil {
		return err
	}
	defer release()
	keys, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	if err != nil {
		return process.ExplainItem(err, a)
	}
	r.MFA.Code = c.MFACode
	t := &rotation{Resolver: r, account: a, keys: keys, keepOld: c.KeepOld, yes: c.Yes, stdout: stdout, stderr: stderr.Writer}
	going := keys.Rotation != nil
	if !going && (before.Rotation != nil || before.Current.ID != keys.Current.ID) { // while this process waited for its turn
		t.say("another process has just rotated it: %s is in use", keys.Current.ID)
		return nil
	}
	old := keys.Current.ID
	if going && keys.Rotation.Old != nil {
		old = keys.Rotation.Old.ID
	}
	if err := holdersOf(ctx, r, a, old).mayStop(ctx, r, a, old, c.Yes || c.KeepOld); err != nil {
		return err
	}
	if going {
		t.say("going on with the rotation that began %s", keys.Rotation.Began.Local().Format(time.DateTime))
	}
	attempt := r.Log.Begin(a)
	attempt.Entry.Action = process.ActionRotate
	err = t.run(ctx)
	attempt.End(aws.Credentials{}, err)
	if err != nil {
		return hint.New(fmt.Errorf("%w; %s", err, t.keys.Rotating()), "%s", t.next(err))
	}
	return nil
}

// rotation takes one step after the other. Each begins with what is stored in keys and ends with storing what it did.
type rotation struct {
	*process.Resolver
	account *accounts.Account
	keys    *cache.Keys
	keepOld bool
	yes     bool
	stdout  io.Writer
	stderr  io.Writer // for what is shown while it waits
}

const (
	// IAM takes seconds to make a new key known everywhere. So many answers in succession count as known, so far apart.
	settledAfter, settlePause = 3, 500 * time.Millisecond
	// How long a new key may take to be known, or an IAM call to succeed with it.
	settleTime = time.Minute
	// How long after the switch a process may still be about to use the old key.
	grace = 2 * time.Second
	// A key that AWS made later than this after the rotation began isn't the rotation's.
	createTime = time.Minute
)

func (t *rotation) run(ctx context.Context) error {
	for tries := 0; ; {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: stopped", t.account.Name)
		}
		var err error
		switch rot := t.keys.Rotation; {
		case rot == nil || rot.Next == nil && rot.Old == nil:
			err = t.create(ctx)
			if _, again := errors.AsType[lost](err); again && tries < 2 {
				err = nil
			}
			tries++
		case rot.Next != nil:
			err = t.switchOver(ctx)
		default:
			return t.retire(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// lost: AWS may have made a key whose secret didn't reach us.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

// create makes the second key. Before it asks AWS, it stores that it is about to: should the answer get lost, the key that
// nobody knows is found by that, and deleted.
func (t *rotation) create(ctx context.Context) error {
	client, err := t.iam(ctx)
	if err != nil {
		return err
	}
	now, err := t.clear(ctx, client)
	if err != nil {
		return err
	}
	if err := t.save(ctx, func(k *cache.Keys) { k.Rotation = &cache.Rotation{Began: now} }); err != nil {
		return err
	}

	// From here to the end whoever interrupts us has to wait, and it's asked once: twice could make two keys.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTime/2)
	defer cancel()
	out, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{}, func(o *iam.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		if !definite(err) {
			return lost{t.explain(err, "iam:CreateAccessKey")}
		}
		if undo := t.save(ctx, func(k *cache.Keys) { k.Rotation = nil }); undo != nil {
			return undo
		}
		return t.explain(err, "iam:CreateAccessKey")
	}
	made := out.AccessKey
	if made == nil || aws.ToString(made.AccessKeyId) == "" || aws.ToString(made.SecretAccessKey) == "" {
		return lost{fmt.Errorf("%s: AWS answered without a whole access key", t.account.Name)}
	}
	next := &cache.AccessKey{ID: *made.AccessKeyId, Secret: *made.SecretAccessKey, Stored: t.Sessions.Now().UTC()}
	if err := t.save(ctx, func(k *cache.Keys) { k.Rotation = &cache.Rotation{Began: now, Next: next} }); err != nil {
		if _, undo := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: made.AccessKeyId}); undo == nil {
			t.say("deleted the new key %s again, as it can't be stored", next.ID)
		}
		return err
	}
	t.say("made access key %s beside %s", next.ID, t.keys.Current.ID)
	return nil
}

// clear sees that the key in use is the only one at AWS, and deletes what an interrupted rotation left there. It returns
// AWS's time.
func (t *rotation) clear(ctx context.Context, client *iam.Client) (now time.Time, err error) {
	out, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
	if err != nil {
		return now, t.explain(err, "iam:ListAccessKeys")
	}
	now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		now = t.Sessions.Now()
	}
	for _, key := range out.AccessKeyMetadata {
		id := aws.ToString(key.AccessKeyId)
		if id == t.keys.Current.ID {
			continue
		}
		if err := t.clearOther(ctx, client, key); err != nil {
			return now, err
		}
		t.say("deleted %s, which was made for this rotation and got lost", id)
	}
	return now.UTC(), nil
}

// clearOther deletes a key that can only be the rotation's own: made when it asked for one, and never used by anybody.
func (t *rotation) clearOther(ctx context.Context, client *iam.Client, key types.AccessKeyMetadata) error {
	id, created := aws.ToString(key.AccessKeyId), aws.ToTime(key.CreateDate)
	if rot := t.keys.Rotation; rot != nil && !created.Before(rot.Began.Add(-time.Second)) && created.Before(rot.Began.Add(createTime)) {
		used, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
		if err != nil {
			return t.explain(err, "iam:GetAccessKeyLastUsed")
		}
		if used.AccessKeyLastUsed == nil || used.AccessKeyLastUsed.LastUsedDate == nil {
			_, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId})
			if err != nil && !awscall.IsCode(err, "NoSuchEntity") {
				return t.explain(err, "iam:DeleteAccessKey")
			}
			return nil
		}
	}
	if t.keys.Rotation != nil {
		if err := t.save(ctx, func(k *cache.Keys) { k.Rotation = nil }); err != nil {
			return err
		}
	}
	return hint.New(fmt.Errorf("%s: %s has two access keys, which is as many as AWS allows: %s, and %s (%s, made %s)", t.account.Name,
		t.user(), t.keys.Current.ID, id, strings.ToLower(string(key.Status)), created.Local().Format(time.DateOnly)),
		"if nobody uses %s, delete it at %s; then run `aws-accounts keys rotate %s` again", id, securityCredentials, t.account.Name)
}

// switchOver waits until AWS knows the new key, and puts it in use.
func (t *rotation) switchOver(ctx context.Context) error {
	next := *t.keys.Rotation.Next
	stop := tui.Progress(t.stderr, func() string { return t.account.Name + ": waiting until AWS knows " + next.ID + " everywhere" })
	err := t.settle(ctx, next)
	stop()
	if awscall.IsCode(err, "InvalidClientTokenId") {
		if there, listed := t.listed(ctx, next.ID); listed == nil && !there {
			t.say("%s isn't at AWS any more", next.ID)
			return t.save(ctx, func(k *cache.Keys) { k.Rotation = nil })
		}
	}
	if err != nil {
		return accesskey.Explain(err, t.account, next.ID)
	}
	old := t.keys.Current
	err = t.save(ctx, func(k *cache.Keys) {
		k.Current, k.Rotation = next, &cache.Rotation{Began: k.Rotation.Began, Old: &old}
	})
	if err == nil {
		t.say("AWS knows %s: it is in use now", next.ID)
	}
	return err
}

// settle waits until AWS answers to the key as to a user's key of long standing.
func (t *rotation) settle(ctx context.Context, key cache.AccessKey) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	client, err := accesskey.Client(t.Resolver, t.account, "", t.keys.Credentials(key))
	if err != nil {
		return err
	}
	for row, pause := 0, settlePause; ; {
		who, err := client.Whoami(ctx)
		switch {
		case err == nil && who.ARN != t.keys.User:
			return hint.New(fmt.Errorf("%s: access key %s belongs to %s, not to %s", t.account.Name, key.ID, who.ARN, t.keys.User),
				"`aws-accounts keys remove %s`, then add the right one", t.account.Name)
		case err == nil:
			if row++; row == settledAfter {
				return nil
			}
		case !awscall.IsCode(err, "InvalidClientTokenId"):
			return err
		default:
			row, pause = 0, min(2*pause, 4*time.Second)
		}
		if awscall.Pause(ctx, pause) != nil {
			if err == nil {
				err = ctx.Err()
			}
			return err
		}
	}
}

// listed asks, with the key in use, whether AWS still has another.
func (t *rotation) listed(ctx context.Context, id string) (bool, error) {
	client, err := t.iam(ctx)
	if err != nil {
		return false, err
	}
	out, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
	if err != nil {
		return false, err
	}
	is := func(key types.AccessKeyMetadata) bool { return aws.ToString(key.AccessKeyId) == id }
	return slices.ContainsFunc(out.AccessKeyMetadata, is), nil
}

// retire deactivates and deletes the old key. It asks with the new one: by that IAM, too, has to know it.
func (t *rotation) retire(ctx context.Context) error {
	old := *t.keys.Rotation.Old
	if err := t.pass(ctx, old.ID); err != nil {
		return err
	}
	if t.keepOld {
		t.say("%s stays at AWS until `aws-accounts keys rotate %s` is run again", old.ID, t.account.Name)
		return nil
	}
	if err := awscall.Pause(ctx, grace); err != nil {
		return fmt.Errorf("%s: stopped", t.account.Name)
	}
	client, err := t.iam(ctx)
	if err != nil {
		return err
	}
	if err := t.unused(ctx, client, old.ID); err != nil {
		return err
	}
	err = t.known(ctx, func() error {
		_, err := client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &old.ID, Status: types.StatusTypeInactive})
		return err
	})
	if awscall.IsCode(err, "InvalidClientTokenId") {
		return t.goBack(ctx, err)
	}
	if err != nil && !awscall.IsCode(err, "NoSuchEntity") && !awscall.IsCode(err, "AccessDenied") { // deleting may be allowed
		return t.explain(err, "iam:UpdateAccessKey")
	}
	err = t.known(ctx, func() error {
		_, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &old.ID})
		return err
	})
	if err != nil && !awscall.IsCode(err, "NoSuchEntity") {
		return t.explain(err, "iam:DeleteAccessKey")
	}
	if err := t.save(ctx, func(k *cache.Keys) { k.Rotation = nil }); err != nil {
		return err
	}
	t.say("deleted %s; %s is the only access key of %s", old.ID, t.keys.Current.ID, t.user())
	return nil
}

// unused refuses to delete a key that something else than this program has used since it was replaced: this program calls
// STS and IAM with it. AWS knows of a use only after a while, and not everybody may ask.
func (t *rotation) unused(ctx context.Context, client *iam.Client, id string) error {
	out, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil || t.yes || out.AccessKeyLastUsed == nil {
		return nil
	}
	used := out.AccessKeyLastUsed
	service := aws.ToString(used.ServiceName)
	if service == "sts" || service == "iam" || !aws.ToTime(used.LastUsedDate).After(t.keys.Rotation.Began) {
		return nil
	}
	return hint.New(fmt.Errorf("%s: something else has used %s for %s in %s at %s", t.account.Name, id, service, aws.ToString(used.Region),
		used.LastUsedDate.Local().Format("15:04")), "give it the new key or a profile; `aws-accounts keys rotate %s --yes` deletes the old key all the same", t.account.Name)
}

// goBack is for a new key that somebody deleted while the old one is still there.
func (t *rotation) goBack(ctx context.Context, refused error) error {
	old := *t.keys.Rotation.Old
	if _, err := accesskey.Owner(ctx, t.Resolver, t.account, "", t.keys.Credentials(old)); err != nil {
		return t.explain(refused, "iam:UpdateAccessKey")
	}
	gone := t.keys.Current.ID
	if err := t.save(ctx, func(k *cache.Keys) { k.Current, k.Rotation = old, nil }); err != nil {
		return err
	}
	return hint.New(fmt.Errorf("%s: AWS doesn't know the new key %s any more (InvalidClientTokenId)", t.account.Name, gone),
		"run `aws-accounts keys rotate %s` again", t.account.Name)
}

// known calls until AWS knows the key that signs.
func (t *rotation) known(ctx context.Context, call func() error) error {
	end := time.Now().Add(settleTime / 2)
	for pause := settlePause; ; pause = min(2*pause, 4*time.Second) {
		err := call()
		if !awscall.IsCode(err, "InvalidClientTokenId") || time.Now().After(end) || awscall.Pause(ctx, pause) != nil {
			return err
		}
	}
}

// iam returns a client that acts with the key in use, or with the account's MFA session where it has a device: IAM refuses
// sessions without MFA, and many policies refuse IAM without it. Sessions outlive the key that they began with.
func (t *rotation) iam(ctx context.Context) (*iam.Client, error) {
	credentials := t.keys.Credentials(t.keys.Current)
	if t.account.MFASerial != "" {
		session, err := t.Session(t.account.Name).Retrieve(ctx)
		if err != nil {
			return nil, err
		}
		credentials = session
	}
	client, err := accesskey.Client(t.Resolver, t.account, "", credentials)
	if err != nil {
		return nil, err
	}
	return iam.NewFromConfig(client.Config), nil
}

// save stores the keys with the change, whoever interrupts. What can't be stored hasn't happened.
func (t *rotation) save(ctx context.Context, change func(*cache.Keys)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	changed := *t.keys
	change(&changed)
	if err := t.Sessions.Keychain.StoreKeys(ctx, &changed); err != nil {
		return fmt.Errorf("%s: storing its access keys: %w", t.account.Name, err)
	}
	t.keys = &changed
	return nil
}

func (t *rotation) say(format string, args ...any) {
	fmt.Fprintf(t.stdout, "%s: %s\n", t.account.Name, fmt.Sprintf(format, args...))
}

func (t *rotation) user() string {
	return t.keys.User[strings.LastIndexByte(t.keys.User, ':')+1:]
}

func (t *rotation) next(err error) string {
	again := fmt.Sprintf("`aws-accounts keys rotate %s` goes on from here", t.account.Name)
	h := hint.Of(err)
	if h == "" || t.keys.Rotation == nil || strings.Contains(h, "keys rotate") {
		return cmp.Or(h, again)
	}
	return strings.TrimSuffix(h, ", then try again") + "; then " + again
}

func (t *rotation) explain(err error, action string) error {
	user := func(process.Verdict) string { return t.user() }
	ask := func(v process.Verdict) string {
		step := "ask an administrator for iam:CreateAccessKey, ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey and " +
			"DeleteAccessKey on " + t.keys.User
		if t.account.MFASerial == "" {
			step += fmt.Sprintf("; where that needs MFA, set \"mfa_serial\" of %s in %s", v.Name, v.File)
		}
		return step
	}
	return process.Explain(err, t.account, append([]process.Row{
		{Codes: process.CodesDenied, Definite: true, Says: process.Say("%s is not allowed "+action+"%s", user, process.Verdict.Because), Next: ask},
		{Codes: "LimitExceeded LimitExceededException", Definite: true,
			Says: process.Say("%s has as many access keys as AWS allows", user),
			Next: process.Say("delete the one that nobody uses at "+securityCredentials+
				"; then run `aws-accounts keys rotate %s` again", process.Verdict.Word)},
	}, accesskey.Refusals(t.keys.Current.ID)...)...)
}

// definite: AWS refused, so nothing was done. Everything else leaves open whether it was.
func definite(err error) bool {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && response.HTTPStatusCode() >= 400 && response.HTTPStatusCode() < 500
}
