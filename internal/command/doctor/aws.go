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
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"

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
	if d.resolver == nil {
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

// watcher notes what came of the calls through it.
type watcher struct {
	aws.HTTPClient
	host  string
	proxy string
	date  time.Time // by AWS's clock
	skew  time.Duration
	took  time.Duration
}

func (w *watcher) Do(r *http.Request) (*http.Response, error) {
	w.host = r.URL.Host
	if p, err := http.ProxyFromEnvironment(r); err == nil && p != nil {
		w.proxy = p.Host // not the rest of it, which may hold a password
	}
	began := time.Now()
	response, err := w.HTTPClient.Do(r)
	w.took = time.Since(began)
	if err == nil {
		if w.date, err = http.ParseTime(response.Header.Get("Date")); err == nil {
			w.skew = began.Add(w.took / 2).Sub(w.date)
		}
		err = nil
	}
	return response, err
}

// checkNetwork calls STS without credentials: a refusal tells that AWS is there, and what its clock says.
func (d *checkup) checkNetwork() *finding.Area {
	a := &finding.Area{Title: "AWS"}
	if d.File == nil {
		return a
	}
	hops, err := d.endpoints()
	if err != nil {
		a.Failed(finding.Fail, "network", "", err)
	}
	for _, hop := range hops {
		if d.checkEndpoint(a, hop) {
			d.reached = true
		}
	}
	return a
}

// endpoints are the hops to the account looked at, else to the first account, one for each way in which STS is called
// there. Those before one whose settings are wrong are returned with the error.
func (d *checkup) endpoints() (hops []*route.Hop, err error) {
	first := d.Only
	if first == nil {
		first = &accounts.Account{}
		if len(d.File.Accounts) > 0 {
			first = &d.File.Accounts[0]
		}
	}
	routes, err := route.Read()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, link := range first.Chain() {
		if link.SSO != nil {
			continue
		}
		hop, err := routes.Hop(link, "")
		if err != nil {
			return hops, err
		}
		if !seen[hop.Key()] {
			seen[hop.Key()] = true
			hops = append(hops, hop)
		}
	}
	return hops, nil
}

func (d *checkup) checkEndpoint(a *finding.Area, hop *route.Hop) (reached bool) {
	ctx, cancel := patient()
	defer cancel()
	cfg := hop.Settings.Config(hop.Partition, aws.AnonymousCredentials{}, false)
	w := &watcher{HTTPClient: cfg.HTTPClient}
	cfg.HTTPClient = w
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	_, err := process.STSOf(cfg, &hop.Settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	by := ""
	if w.proxy != "" {
		by = ", through the proxy " + w.proxy
	}
	if ca := hop.Settings.CAFile; ca != "" {
		by += ", trusting " + ca
	}
	api, isAPI := errors.AsType[smithy.APIError](err)
	switch {
	case isAPI && api.ErrorCode() != "" && api.ErrorCode() != "UnknownError": // a refusal in AWS's own form
	case err != nil && w.date.IsZero():
		err = process.Explain(err, &accounts.Account{})
		text := strings.TrimPrefix(err.Error(), "the base account: ")
		a.Add(finding.Fail, "network", "", hint.Of(err), "%s%s", text, by)
		return false
	default:
		a.Add(finding.Fail, "network", "", "sign in to the network in a browser, or set HTTPS_PROXY as its owner tells", "something answers for %s that isn't AWS%s", w.host, by)
		return false
	}
	a.OK("network", "", "%s answers in %s%s", w.host, brief(w.took), by)
	if !w.date.IsZero() {
		checkClock(a, w.skew)
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
	var bases []*accounts.Account
	if d.resolver != nil {
		bases = d.Bases()
	}
	<-d.network
	<-d.keychain // some begin there, and its dialog should open once
	a := &finding.Area{Title: "Where credentials begin"}
	d.tryBases(a, bases)
	if d.resolver != nil {
		d.checkSignIns(a)
	}
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
	if d.Only != nil && d.Only.SSO == nil {
		if first := d.Only.Chain()[0]; first.SSO != nil {
			used[first.SSOSession()] = true
		}
	}
	for i := range d.File.Accounts {
		if sso := d.File.Accounts[i].SSO; sso != nil && d.Only == nil {
			used[d.File.SSOSession(sso.Session)] = true
		}
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
		a.Failed(finding.Warn, check, "", process.ExplainSSO(err, d.File, session, nil))
	case err != nil:
		a.Add(finding.Warn, check, "", "", "whether you are signed in to %s can't be told: %s", session.Name, err)
	case until.Before(now):
		a.OK(check, "", "signed in to %s; the next call renews it, if Identity Center still allows", session.Name)
	case renewed:
		a.OK(check, "", "signed in to %s until %s (%s); it is renewed without you while Identity Center allows it",
			session.Name, until.Local().Format("15:04"), tui.Left(until.Sub(now)))
	default:
		a.OK(check, "", "signed in to %s until %s (%s)", session.Name, until.Local().Format("15:04"), tui.Left(until.Sub(now)))
	}
}

func (d *checkup) checkBase(ctx context.Context, a *finding.Area, base *accounts.Account) {
	const check = "base"
	name := base.Name
	if name == "" {
		name = "profile " + accounts.DefaultProfile
	}
	fail := func(err error) {
		text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), base.Name+": "), "the base account: ")
		a.Add(finding.Fail, check, name, hint.Of(err), "%s", text)
	}
	if !d.reached {
		a.Add(finding.Note, check, name, "", "not tried, as AWS can't be reached")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, awsPatience)
	defer cancel()
	client, way, err := d.resolver.Client(ctx, base)
	if err != nil {
		fail(err)
		return
	}
	credentials, err := client.Credentials(ctx)
	if err != nil {
		fail(process.Explain(err, base))
		return
	}
	who, err := client.Whoami(ctx)
	if err != nil {
		fail(process.Explain(err, base))
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
		a.Add(finding.Note, "base-session", name, fmt.Sprintf("`aws-accounts edit %s --session=none` hands out the key itself, --mfa-serial=ARN a session with MFA", base.Name),
			"callers get a session without MFA, with which AWS refuses IAM calls")
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
