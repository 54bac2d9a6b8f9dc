package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/browser"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/loopback"
	"aws-accounts/internal/partitions"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Console is `aws-accounts console NAME`: AWS's web console, signed in as the account's role.
type Console struct {
	Name      string `arg:"" optional:"" help:"The account; without it, you choose."`
	byProfile `embed:""`
	Service   string            `help:"Open this service, as it is called in the console's address." placeholder:"s3"`
	Region    string            `help:"Open it in this region, instead of the account's." placeholder:"eu-west-1"`
	Duration  accounts.Duration `help:"How long the console stays signed in, instead of what the session has left (15m to 12h)." placeholder:"8h"`
	Container bool              `help:"Open it in a Firefox container of the account's name, so that several accounts stay open."`
	Print     bool              `help:"Print the sign-in link instead of opening it. It is a secret for the 15 minutes that it holds."`
}

// Run gets the link and opens it, or prints it.
func (c *Console) Run(r *process.Resolver, stdout io.Writer) error {
	a, err := account(r, c.Name, c.byProfile)
	if err != nil {
		return err
	}
	site, err := c.site(a)
	if err != nil {
		return err
	}
	show := browser.Open
	switch {
	case c.Print:
	case c.Container:
		show, err = browser.Firefox()
	default:
		err = browser.Available()
	}
	if err != nil {
		return hint.New(err, "`aws-accounts console %s --print` prints the link, for a browser elsewhere", a.Name)
	}

	s, err := begin(r, a)
	if err != nil {
		return err
	}
	link, until, err := s.signinLink(site, time.Duration(c.Duration))
	if err != nil {
		return err
	}
	dress := func(address string) string { return address }
	if c.Container {
		dress = func(address string) string { return inContainer(a.Name, address) }
	}
	if c.Print {
		_, err := fmt.Fprintln(stdout, dress(link))
		return err
	}
	if err := openHidden(link, func(address string) error { return show(context.Background(), dress(address)) }); err != nil {
		return hint.New(err, "`aws-accounts console %s --print` prints the link", a.Name)
	}
	end := ""
	if !until.IsZero() { // a profile may have a session without saying how long it lasts
		end = fmt.Sprintf(", until %s (%s)", until.Local().Format("15:04"), tui.Left(until.Sub(r.Sessions.Now())))
	}
	_, err = fmt.Fprintf(stdout, "%s: the console is open in the browser%s\n", a.Name, end)
	return err
}

var serviceName = pattern.New(`^[a-z0-9][a-z0-9-]*$`)

// site checks what was asked for, and finds out where that is.
func (c *Console) site(a *accounts.Account) (*consoleSite, error) {
	way, err := route.To(a)
	if err != nil {
		return nil, err
	}
	hop := way.Last()
	partition := hop.Partition
	switch {
	case partition != "":
	case a.SSO != nil:
		partition = partitions.Of(a.SSOSession().Region)
	default:
		partition = partitions.Of(hop.Region())
	}
	region := route.ProfileRegion(a)
	if region == "" || partitions.Of(region) != partition {
		region = hop.Settings.In(partition)
	}
	if c.Region != "" {
		if region = c.Region; partitions.Of(region) != partition || !serviceName.MatchString(region) {
			p, _ := partitions.Called(partition)
			return nil, hint.Usage(fmt.Errorf("%q is not a region of the partition %s, in which %s is", c.Region, partition, a.Name), "choose one like %s", p.Region)
		}
	}
	if c.Service != "" && !serviceName.MatchString(c.Service) {
		return nil, hint.Usage(fmt.Errorf("%q can't be a service", c.Service), "take it from the console's address: https://console.aws.amazon.com/SERVICE/home")
	}
	if c.Duration != 0 && (a.IsChained() || hop.BySession) {
		return nil, hint.Usage(fmt.Errorf("%s: --duration is not for a role that is assumed with another session, as AWS refuses it", a.Name),
			"leave --duration out: the console then stays open as long as the session")
	}
	return newConsoleSite(partition, region, c.Service, &hop.Settings)
}

// errNoBrowserCame is all that is known when a browser was started and didn't ask for the page.
var errNoBrowserCame = errors.New("the browser didn't open the link within a minute")

// inContainer is the address that the Firefox add-on opens in a container, which it makes if there is none.
func inContainer(name, address string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "ext+container:name=" + escape(name) + "&url=" + escape(address)
}

// browserTime is how long a browser may take to start.
const browserTime = time.Minute

// openHidden has open show link in a browser without link being in the browser's arguments, which every user of the
// machine can read: those have an address of ours that leads there, once.
func openHidden(link string, open func(address string) error) error {
	path := "/" + randomText()
	taken := make(chan struct{})
	var once sync.Once
	l, err := loopback.Listen(0, func(_ context.Context, request *http.Request) loopback.Reply {
		if request.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(request.URL.Path), []byte(path)) != 1 {
			return page(http.StatusNotFound, "There is nothing here.")
		}
		answer := page(http.StatusGone, "This link worked once, and was used. If that wasn't you, sign out of the console, and clear the session.")
		once.Do(func() {
			answer = loopback.Reply{Status: http.StatusSeeOther, Header: http.Header{"Location": {link}, "Referrer-Policy": {"no-referrer"}}}
			close(taken)
		})
		return answer
	})
	if err != nil {
		return err
	}
	defer l.Close()
	failed := make(chan error, 1)
	go func() {
		if err := open("http://" + l.Address() + path); err != nil {
			failed <- err
		}
	}()
	wait := time.NewTimer(browserTime)
	defer wait.Stop()
	select {
	case <-taken:
		return nil
	case err := <-failed:
		return err
	case <-wait.C:
		return errNoBrowserCame
	}
}

func page(status int, text string) loopback.Reply {
	return loopback.Reply{Status: status, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte(text + "\n")}
}
