package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/accounts"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

func (d *checkup) checkKeychain(watched bool) *finding.Area {
	a := &finding.Area{Title: "Keychain"}
	if d.File == nil {
		return a
	}
	ctx, cancel := context.Background(), func() {}
	if !watched { // by nobody who could answer its dialog
		ctx, cancel = context.WithTimeout(ctx, keychainPatience)
	}
	defer cancel()
	k := d.resolver.Sessions.Keychain
	began := time.Now()
	if err := k.Probe(ctx); err != nil {
		a.Failed(finding.Fail, "keychain", "", err)
		return a
	}
	a.OK("keychain", "", "%s: an item was written, read and removed in %s", k.Backend(), brief(time.Since(began)))
	return a
}

func brief(d time.Duration) string { return d.Round(time.Millisecond).String() }

// checkNetwork tries each way in which STS is called on the hops to the account looked at, else to the first account.
func (d *checkup) checkNetwork() *finding.Area {
	a := &finding.Area{Title: "AWS"}
	if d.File == nil {
		return a
	}
	first := d.Only
	if first == nil {
		first = &accounts.Account{}
		if len(d.File.Accounts) > 0 {
			first = &d.File.Accounts[0]
		}
	}
	routes, err := route.Read()
	seen := map[string]bool{}
	for _, link := range first.Chain() {
		if err != nil {
			break
		}
		var hop *route.Hop
		if hop, err = routes.Hop(link, ""); err == nil && link.SSO == nil && !seen[hop.Key()] {
			seen[hop.Key()] = true
			d.reached = d.checkEndpoint(a, hop) || d.reached
		}
	}
	if err != nil {
		a.Failed(finding.Fail, "network", "", err)
	}
	return a
}

// checkEndpoint calls STS without credentials: a refusal tells that AWS is there, and what its clock says.
func (d *checkup) checkEndpoint(a *finding.Area, hop *route.Hop) (reached bool) {
	ctx, cancel := patient()
	defer cancel()
	cfg := hop.Settings.Config(hop.Partition, aws.AnonymousCredentials{}, false)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	began := time.Now()
	_, err := process.STSOf(cfg, &hop.Settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	took := time.Since(began)
	by := ""
	if ca := hop.Settings.CAFile; ca != "" {
		by = ", trusting " + ca
	}
	answer := process.Answer(err)
	if answer == nil || !process.IsRefusal(err) {
		err = process.Explain(err, &accounts.Account{})
		a.Add(finding.Fail, "network", "", hint.Of(err), "%s%s", strings.TrimPrefix(err.Error(), "the base account: "), by)
		return false
	}
	if p, err := http.ProxyFromEnvironment(answer.Request); err == nil && p != nil {
		by = ", through the proxy " + p.Host + by // not the rest of it, which may hold a password
	}
	a.OK("network", "", "%s answers in %s%s", answer.Request.URL.Host, brief(took), by)
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		checkClock(a, began.Add(took/2).Sub(date))
	}
	return true
}

// checkClock judges how far this computer's clock is ahead of AWS's. AWS refuses what is signed more than five minutes off
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html); we and some SDKs correct for it.
func checkClock(a *finding.Area, ahead time.Duration) {
	const next = "set the clock (`timedatectl set-ntp true`)"
	switch off := ahead.Abs(); {
	case off < time.Minute:
		a.OK("clock", "", "the clock agrees with AWS's")
	case off < 5*time.Minute:
		a.Add(finding.Warn, "clock", "", next, "this computer's clock is %s", process.OffBy(ahead))
	default:
		a.Add(finding.Fail, "clock", "", next, "this computer's clock is %s, and AWS refuses programs that don't correct for it", process.OffBy(ahead))
	}
}

// checkBases asks AWS who the credentials that accounts begin with belong to.
func (d *checkup) checkBases() *finding.Area {
	a := &finding.Area{Title: "Where credentials begin"}
	if d.File == nil {
		return a
	}
	d.network()
	d.keychain() // some begin there, and its dialog should open once
	d.tryBases(a, d.Bases())
	d.checkSignIns(a)
	return a
}

// tryBases tries them side by side: each may ask a program of the user's own, or wait for AWS.
func (d *checkup) tryBases(a *finding.Area, bases []*accounts.Account) {
	ctx, cancel := context.WithTimeout(context.Background(), basesPatience)
	defer cancel()
	found := make([]*finding.Area, len(bases)) // nil: not tried
	turns := make(chan struct{}, basesAtOnce)
	var all sync.WaitGroup
	for i, base := range bases {
		all.Go(func() {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return
			}
			found[i] = &finding.Area{}
			d.checkBase(ctx, found[i], base)
		})
	}
	all.Wait()
	left := 0
	for _, f := range found {
		if f == nil {
			left++
			continue
		}
		a.Findings = append(a.Findings, f.Findings...)
	}
	if left > 0 {
		a.Add(finding.Warn, "base", "", "`aws-accounts doctor NAME` looks at one", "%d more were not tried, as it takes long", left)
	}
}

// checkSignIns looks at the sign-ins that accounts begin with, in the keychain alone. The account looked at tries its own.
func (d *checkup) checkSignIns(a *finding.Area) {
	used := map[*accounts.SSOSession]bool{}
	if d.Only == nil {
		for a := range d.File.All() {
			used[a.SSOSession()] = true
		}
	} else if d.Only.SSO == nil {
		used[d.Only.Chain()[0].SSOSession()] = true
	}
	ctx, cancel := patient()
	defer cancel()
	for i := range d.File.SSOSessions {
		if session := &d.File.SSOSessions[i]; used[session] {
			d.checkSignIn(ctx, a, session)
		}
	}
}

func (d *checkup) checkSignIn(ctx context.Context, a *finding.Area, session *accounts.SSOSession) {
	const check = "sign-in"
	center, err := d.resolver.Center(session)
	if err != nil {
		a.Failed(finding.Warn, check, "", err)
		return
	}
	now := d.resolver.Sessions.Now()
	until, renewed, err := center.SignedIn(ctx)
	_, needs := errors.AsType[*identitycenter.NeedsSignIn](err)
	switch {
	case needs:
		a.Failed(finding.Warn, check, "", process.ExplainSSO(err, session, d.File.Entry(accounts.Account{})))
	case err != nil:
		a.Add(finding.Warn, check, "", "", "whether you are signed in to %s can't be told: %s", session.Name, err)
	case until.Before(now):
		a.OK(check, "", "signed in to %s; the next call renews it, if Identity Center still allows", session.Name)
	default:
		more := ""
		if renewed {
			more = "; it is renewed without you while Identity Center allows it"
		}
		a.OK(check, "", "signed in to %s until %s (%s)%s", session.Name, until.Local().Format("15:04"), tui.Left(until.Sub(now)), more)
	}
}

func (d *checkup) checkBase(ctx context.Context, a *finding.Area, base *accounts.Account) {
	if base.Way().Keychain {
		keys, err := d.resolver.Sessions.Keychain.LoadKeys(ctx, base.Name)
		if err == nil && keys.Rotation != nil { // else it is said below what is wrong
			a.Add(finding.Warn, "rotation", base.Name, fmt.Sprintf("`aws-accounts keys rotate %s` goes on with it", base.Name),
				"a rotation of its key isn't finished: %s", keys.Rotating())
		}
	}
	const check = "base"
	name := base.Name
	if name == "" {
		name = "profile " + accounts.DefaultProfile
	}
	if !d.reached {
		a.Add(finding.Note, check, name, "", "not tried, as AWS can't be reached")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, awsPatience)
	defer cancel()
	client, way, err := d.resolver.Client(ctx, base)
	var credentials aws.Credentials
	if err == nil {
		credentials, err = client.Credentials(ctx)
	}
	var who process.Identity
	if err == nil {
		who, err = client.Whoami(ctx)
	}
	if err != nil {
		err = process.Explain(err, base)
		text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), base.Name+": "), "the base account: ")
		a.Add(finding.Fail, check, name, hint.Of(err), "%s", text)
		return
	}
	if base.AccountID != "" && who.AccountID != base.AccountID {
		a.Add(finding.Fail, check, name, fmt.Sprintf("correct account_id of %s in %s, or the credentials it begins with", base.Name, d.File.Path),
			"%s is of account %s, not of %s", who.ARN, who.AccountID, base.AccountID)
		return
	}
	if strings.HasSuffix(who.ARN, ":root") {
		a.Add(finding.Fail, check, name, "make an IAM user or use Identity Center, and delete the root user's access key",
			"these are the root user's keys, with which AWS lets nobody assume a role")
		return
	}
	a.OK(check, name, "%s, as %s", beginsAt(&way.Origin), who.ARN)
	if credentials.SessionToken == "" && base.MFASerial == "" && base.Session != accounts.SessionNone && base.Name != "" {
		next := fmt.Sprintf("`aws-accounts edit %s --session=none` hands out the key itself", base.Name)
		out, err := iam.NewFromConfig(client.Config).ListMFADevices(ctx, &iam.ListMFADevicesInput{})
		if err == nil && len(out.MFADevices) > 0 { // not everybody may ask
			next += fmt.Sprintf(", `aws-accounts edit %s --mfa-serial=%s` a session with MFA", base.Name, aws.ToString(out.MFADevices[0].SerialNumber))
		}
		a.Add(finding.Note, "base-session", name, next, "callers get a session without MFA, with which AWS refuses IAM calls")
	}
}

// beginsAt says where a base account's credentials are.
func beginsAt(o *route.Origin) string {
	switch {
	case o.Profile != "":
		return "from profile " + o.Profile
	case o.Kind == route.FromEnvironment:
		return "from the environment"
	case o.Kind == route.FromKeychain:
		return "from the keychain"
	case o.Kind == route.FromWebIdentity:
		return "from a web identity"
	}
	return "from the role of this machine"
}
