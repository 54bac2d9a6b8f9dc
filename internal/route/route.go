// Package route knows the way from where credentials begin to an account: which hops there are, and for each everything that
// shapes its call to AWS and its session. It is made from the accounts file, the environment and ~/.aws, and asks nobody.
//
// Invariant: what isn't in a Route shapes neither a call nor a session, and a session is handed out only for the identity of the
// route that it was got on.
package route

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/user"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/pattern"
)

// Route is the way from where credentials begin to an account: one value, made once for a call from the accounts file, the
// environment and ~/.aws, and read by whoever calls AWS for the account. What isn't in it shapes neither a call nor a session.
//
// Each field of a Route says where it is declared whether it identifies the session (`route:"identifying"`), as who issues it
// and what for, or is mere transport, as how AWS is reached. A session is handed out only for a route of its own identity: see
// Identity. Whoever adds a field has to decide; a test fails until then.
type Route struct {
	Origin Origin `route:"identifying"`
	Hops   []Hop  `route:"identifying"` // the first begins at Origin, the last is the account's
}

// Hop is one step of a Route: how an account's credentials are had from those of the one before.
type Hop struct {
	Account   *accounts.Account `route:"transport"`   // for messages and the log
	Name      string            `route:"identifying"` // in lower case
	AccountID string            `route:"identifying"`
	Settings  Settings          `route:"transport"`
	Partition string            `route:"transport"`   // that the account's ARNs name, "" if none does
	Issuer    string            `route:"identifying"` // the endpoint that issues the session, where it is none of AWS's own

	// A role.
	RoleARN           string            `route:"identifying"`
	ExternalID        string            `route:"identifying"`
	SessionName       string            `route:"identifying"`
	SourceIdentity    string            `route:"identifying"`
	SessionTags       map[string]string `route:"identifying"`
	TransitiveTagKeys []string          `route:"identifying"`
	Policy            string            `route:"identifying"`
	PolicyARNs        []string          `route:"identifying"`

	Duration time.Duration `route:"identifying"` // as AWS will allow it
	KeepsKey bool          `route:"identifying"` // a base account that hands out its long-term key as it is

	Device    string            `route:"identifying"` // whose MFA code is sent with the call, "" for none
	CodeOwner *accounts.Account `route:"transport"`   // the account whose device it is
	BySession bool              `route:"identifying"` // it is had with the session of the hop before, not with what the route begins with
}

// First is the hop that begins at the origin.
func (r *Route) First() *Hop { return &r.Hops[0] }

// Last is the account's own hop. A route has one at least.
func (r *Route) Last() *Hop { return &r.Hops[len(r.Hops)-1] }

// Table makes routes from one reading of ~/.aws, for who needs many.
type Table struct{ files *dotaws.Files }

// Read reads ~/.aws as it is now.
func Read() (*Table, error) { return At(version.FirstAWS(time.Now())) }

// At makes them of ~/.aws as a look has found it.
func At(look *version.AWS) (*Table, error) {
	files, err := dotaws.Of(look)
	if err != nil {
		return nil, err
	}
	return &Table{files}, nil
}

// CallsUs reports whether a profile starts this program.
func (r *Table) CallsUs(profile string) bool { return r.files.CallsUs(profile) }

// Current is where the credentials begin that an SDK would use here and now, but for those of an instance, and the profile whose
// settings count.
func (r *Table) Current() (o *Origin, profile string) { return currentOrigin(r.files) }

// To is the way to a.
func (r *Table) To(a *accounts.Account) (*Route, error) { return routeOf(a, r.files) }

// Temporary reports whether a's credentials begin with a session, as far as that can be told without asking.
func (r *Table) Temporary(a *accounts.Account) bool {
	way, err := r.To(a)
	return err == nil && way.Origin.Temporary()
}

// Hop is how AWS is called on behalf of a, wherever its credentials begin: with profile in ~/.aws, or with a's own origin if
// profile is "". a may be nil: then it is for whoever uses the profile alone.
func (r *Table) Hop(a *accounts.Account, profile string) (*Hop, error) {
	h := &Hop{Account: a}
	switch {
	case a == nil:
		h.Account = &accounts.Account{}
	case profile == "":
		profile = a.Chain()[0].Way().Profile
	}
	var err error
	h.Partition = PartitionOf(h.Account)
	h.Settings, err = layersOf(r.files, a, profile).settings(a)
	return h, err
}

// To is the way to a, with ~/.aws as it is now.
func To(a *accounts.Account) (*Route, error) {
	r, err := Read()
	if err != nil {
		return nil, err
	}
	return r.To(a)
}

// HopOf is Hop with ~/.aws as it is now.
func HopOf(a *accounts.Account, profile string) (*Hop, error) {
	r, err := Read()
	if err != nil {
		return nil, err
	}
	return r.Hop(a, profile)
}

// routeOf is the way to a, which may be the implicit base account, as files have it now.
func routeOf(a *accounts.Account, files *dotaws.Files) (*Route, error) {
	chain := a.Chain()
	r := &Route{}
	begins := chain[0].Way().Profile
	if chain[0].SSO != nil {
		s := chain[0].SSOSession()
		r.Origin = Origin{Kind: FromCenter, Session: strings.ToLower(s.Name), StartURL: s.StartURL, Region: s.Region, Scopes: s.RegistrationScopes,
			AccountID: chain[0].AccountID, RoleName: chain[0].SSO.RoleName}
	} else {
		r.Origin = *originOf(files, chain[0])
	}
	for i, link := range chain {
		settings, err := layersOf(files, link, begins).settings(link)
		if err != nil {
			return nil, err
		}
		h := Hop{
			Account: link, Name: strings.ToLower(link.Name), AccountID: link.AccountID,
			Settings: settings, Partition: PartitionOf(link), Issuer: settings.Endpoint("STS"),
			RoleARN: link.RoleARN, ExternalID: link.ExternalID, SessionName: SessionName(link), SourceIdentity: link.SourceIdentity,
			SessionTags: link.SessionTags, TransitiveTagKeys: link.TransitiveTagKeys, Policy: string(link.Policy), PolicyARNs: link.PolicyARNs,
			Duration: link.EffectiveDuration(), KeepsKey: link.Session == accounts.SessionNone,
		}
		if link.SSO != nil {
			h.Issuer = strings.Join([]string{settings.Endpoint("SSO"), settings.Endpoint("SSO OIDC")}, " ")
		}
		if owner := link.CodeOwner(); owner != nil {
			h.Device, h.CodeOwner = owner.MFASerial, owner
		}
		if i > 0 {
			h.BySession = r.bySession(i, h)
			if h.BySession || r.Origin.Temporary() {
				h.Duration = min(h.Duration, accounts.ChainedDuration)
			}
		}
		r.Hops = append(r.Hops, h)
	}
	return r, nil
}

// bySession reports whether hop i is had with the session that the one before hands out, and not with what the route begins with:
// a role or Identity Center has nothing else, MFA is part of the session, and a web identity or a profile's own MFA costs a call to AWS
// or a person's answer each time.
func (r *Route) bySession(i int, h Hop) bool {
	source := r.Hops[i-1].Account
	if !source.IsBase() || r.Origin.Kind == FromWebIdentity && r.Origin.Profile == "" || r.Origin.needsCode() {
		return true
	}
	return source.MFASerial != "" && h.Device == ""
}

// Identity is the same for two routes exactly when a session of one is as good for the other.
func (r *Route) Identity() string {
	sum := sha256.New()
	json.NewEncoder(sum).Encode(identifying(reflect.ValueOf(*r))) // a hash takes every write, and a route has nothing that can't be written
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// identifying is v without the fields that are transport.
func identifying(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("route") == "identifying" {
				fields[f.Name] = identifying(v.Field(i))
			}
		}
		return fields
	case reflect.Slice:
		var all []any
		for i := range v.Len() {
			all = append(all, identifying(v.Index(i)))
		}
		return all
	}
	return v.Interface()
}

// PartitionOf returns the partition that a's own ARNs name, "" if it has none.
func PartitionOf(a *accounts.Account) string {
	for _, s := range []string{a.RoleARN, a.Way().RoleARN, a.MFASerial} {
		if known, err := arn.Parse(s); err == nil {
			return known.Partition
		}
	}
	return ""
}

// Region is where AWS is called for the hop.
func (h *Hop) Region() string { return h.Settings.In(h.Partition) }

// Key is the same for hops whose calls one client can make.
func (h *Hop) Key() string {
	s := &h.Settings
	return fmt.Sprintln(h.Region(), s.FIPS, s.DualStack, s.GlobalSTS, s.CAFile, s.RetryMode, s.MaxAttempts, s.Endpoint("STS"), s.Endpoint("IAM"))
}

// ProfileRegion is the region that tools have which use the profile that setup wrote for a, "" if neither the account nor ~/.aws
// names one: the environment's counts for them anyway.
func ProfileRegion(a *accounts.Account) string {
	if a.Region != "" {
		return a.Region
	}
	files, err := dotaws.ReadAll()
	if err != nil {
		return a.EffectiveRegion()
	}
	for _, at := range layersOf(files, a, "") {
		if found, ok := at.profile.Get(awsfiles.Both, "region"); ok && found.Value != "" && !at.unnamed {
			return found.Value
		}
	}
	return a.EffectiveRegion()
}

// RegionOf is the region that a profile of ~/.aws names, "" if it names none.
func RegionOf(profile string) string {
	files, err := dotaws.ReadAll()
	if err != nil {
		return ""
	}
	return layersOf(files, nil, profile).find("region").text
}

// SessionName is what shows in CloudTrail: as the account says, or the OS user, made valid.
func SessionName(a *accounts.Account) string {
	if a.SessionName != "" {
		return a.SessionName
	}
	name := "aws-accounts"
	if u, err := user.Current(); err == nil {
		_, login, found := strings.Cut(u.Username, `\`) // DOMAIN\user on Windows
		if !found {
			login = u.Username
		}
		if login = notInSessionName.ReplaceAllString(login, "-"); len(login) >= 2 {
			name = login
		}
	}
	return name[:min(len(name), 64)]
}

var notInSessionName = pattern.New(`[^\w+=,.@-]+`)
