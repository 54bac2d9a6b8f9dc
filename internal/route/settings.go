package route

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"aws-accounts/accounts"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/partitions"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/place"
)

// Settings are how AWS is called on behalf of an account, whoever calls: where, and over which connection. Nothing in the
// program decides that anywhere else.
//
// Each value is the first that is set: in the environment, in the account's entry, in the profile that setup wrote for it, in
// the profile that its credentials begin with (for a key in the keychain: in its account's entry), in the defaults of the
// accounts file, by the SDK.
type Settings struct {
	Regions     []string       `route:"transport"` // all that are set, in that order: see In
	Profiles    layers         `route:"transport"` // where endpoints are looked up; see Hop.Issuer
	FIPS        bool           `route:"transport"`
	DualStack   bool           `route:"transport"`
	GlobalSTS   bool           `route:"transport"` // sts.amazonaws.com for the regions that had no other once
	CAFile      string         `route:"transport"` // "": the system's certificates
	CABundle    *x509.CertPool `route:"transport"` // what is in it
	RetryMode   aws.RetryMode  `route:"transport"`
	MaxAttempts int            `route:"transport"` // of one call; 0: as many as there is time for
}

// layer is a profile of ~/.aws whose settings count.
type layer struct {
	files   *dotaws.Files     `route:"transport"`
	profile *awsfiles.Profile `route:"transport"`
	unnamed bool              `route:"transport"` // only as SDKs take it where nobody names one: the accounts file's defaults come before its region
}

// value is one that was found, and who set it, for messages.
type value struct {
	text string
	name string // the variable, or the setting and its line
	step string // how to take it back
}

// layers are the profiles whose settings count, the first before the second.
type layers []layer

// find returns the first value that is set in one of the variables or under the key of a profile.
func (l layers) find(key string, variables ...string) value {
	for _, v := range l.all(key, variables...) {
		return v
	}
	return value{}
}

// all are the values of find in their order.
func (l layers) all(key string, variables ...string) (found []value) {
	for _, name := range variables {
		if text := os.Getenv(name); text != "" {
			found = append(found, value{text, name, "`unset " + name + "`, or set it to a value that AWS knows"})
		}
	}
	for _, at := range l {
		if f, ok := at.profile.Get(awsfiles.Both, key); ok && f.Value != "" && !f.Nested {
			found = append(found, at.value(f))
		}
	}
	return found
}

func (at layer) value(f awsfiles.Found) value {
	where := fmt.Sprintf("line %d of %s", f.Line, dotaws.Path(f.File))
	return value{f.Value, fmt.Sprintf("%s in %s", f.Key, where), "correct " + where}
}

func (v value) wrong(format string, args ...any) error {
	return hint.New(fmt.Errorf("%s: %s", v.name, fmt.Sprintf(format, args...)), "%s", v.step)
}

// is reads a yes or no as botocore does: what isn't true is false.
func (v value) is() bool { return strings.EqualFold(strings.TrimSpace(v.text), "true") }

var regionName = pattern.New(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// settings finds them for an account, which may be nil: then for whoever uses the profiles alone.
func (l layers) settings(a *accounts.Account) (Settings, error) {
	s := Settings{Profiles: l, FIPS: l.find("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT").is(),
		DualStack: l.find("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT").is()}
	errs := []error{s.regions(l, a), s.CheckEndpoint("STS"), s.globalSTS(l), s.certificates(l), s.retries(l), checkProxy()}
	for _, err := range errs {
		if err != nil {
			return Settings{}, err
		}
	}
	return s, nil
}

func (s *Settings) regions(l layers, a *accounts.Account) error {
	named := func(at layer) bool { return !at.unnamed }
	found := layers(nil).all("", "AWS_REGION", "AWS_DEFAULT_REGION")
	entry := func(region string) { found = append(found, value{text: region}) }
	if a != nil {
		entry(a.Region)
	}
	found = append(found, slices.DeleteFunc(slices.Clone(l), func(at layer) bool { return at.unnamed }).all("region")...)
	if a != nil {
		if first := a.Chain()[0]; first != a && first.Way().Keychain { // of the profile that the key was imported from, which stood here
			entry(first.Region)
		}
		entry(a.File().Defaults.Region)
	}
	found = append(found, slices.DeleteFunc(slices.Clone(l), named).all("region")...)
	for _, v := range found {
		if v.text != "" && !regionName.MatchString(v.text) {
			return v.wrong("%q is not a region, like eu-west-1", v.text)
		} else if v.text != "" {
			s.Regions = append(s.Regions, v.text)
		}
	}
	return nil
}

// In is the region to call in a partition, "" for the one of the first region that is set.
func (s *Settings) In(partition string) string {
	for _, region := range s.Regions {
		if partition == "" || partitions.Of(region) == partition {
			return region
		}
	}
	p, _ := partitions.Called(partition)
	return p.Region
}

// Endpoint is that of a service ("STS", "SSO OIDC"), "" for AWS's own.
func (s *Settings) Endpoint(service string) string {
	return strings.TrimSuffix(s.Profiles.endpoint(service).text, "/")
}

// CheckEndpoint refuses an endpoint that is no address, or that AWS's rules for endpoints refuse. That of STS is checked when the
// settings are found, those of other services when they are called, which most commands never do.
func (s *Settings) CheckEndpoint(service string) error {
	l, v := s.Profiles, s.Profiles.endpoint(service)
	if v.text == "" {
		return nil
	}
	if u, err := url.Parse(v.text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return v.wrong("it is no address, like https://sts.example.com")
	}
	for _, other := range []value{
		l.find("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT"), l.find("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT"),
	} {
		if other.is() {
			return v.wrong("an endpoint of your own can't be used together with %s", other.name)
		}
	}
	return nil
}

// endpoint is the one configured for a service. The environment's for all services comes before a profile's for one.
func (l layers) endpoint(service string) value {
	if l.find("ignore_configured_endpoint_urls", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is() {
		return value{}
	}
	service = strings.ToUpper(strings.ReplaceAll(service, " ", "_"))
	if v := layers(nil).find("", "AWS_ENDPOINT_URL_"+service, "AWS_ENDPOINT_URL"); v.text != "" {
		return v
	}
	for _, at := range l {
		if services, ok := at.profile.Get(awsfiles.Both, "services"); ok {
			if f, ok := at.files.Endpoint(services.Value, strings.ToLower(service)); ok {
				return at.value(f)
			}
		}
		if v := (layers{at}).find("endpoint_url"); v.text != "" {
			return v
		}
	}
	return value{}
}

// The regions whose calls of STS went to sts.amazonaws.com before each region had its own.
var globalSTSRegions = []string{
	"ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "aws-global", "ca-central-1", "eu-central-1", "eu-north-1",
	"eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

func (s *Settings) globalSTS(l layers) error {
	v := l.find("sts_regional_endpoints", "AWS_STS_REGIONAL_ENDPOINTS")
	switch strings.ToLower(v.text) {
	case "legacy":
		s.GlobalSTS = true
	case "", "regional":
	default:
		return v.wrong("%q can be regional or legacy", v.text)
	}
	return nil
}

// STSRegion is what the SDK calls the endpoint of STS for a region. At an endpoint that isn't AWS's own it would sign for
// aws-global.
func (s *Settings) STSRegion(region string) string {
	if s.GlobalSTS && s.Endpoint("STS") == "" && !s.FIPS && !s.DualStack && slices.Contains(globalSTSRegions, region) {
		return "aws-global"
	}
	return region
}

func (s *Settings) certificates(l layers) error {
	v := l.find("ca_bundle", "AWS_CA_BUNDLE")
	if v.text == "" {
		return nil
	}
	pem, err := atomicfile.Read(place.Expand(v.text))
	if err != nil {
		return v.wrong("the CA bundle %s can't be read: %v", v.text, hint.WithoutPath(err))
	}
	s.CAFile, s.CABundle = v.text, x509.NewCertPool()
	if !s.CABundle.AppendCertsFromPEM(pem) {
		return v.wrong("%s holds no certificate in PEM form", v.text)
	}
	return nil
}

func (s *Settings) retries(l layers) error {
	mode := l.find("retry_mode", "AWS_RETRY_MODE")
	switch strings.ToLower(mode.text) {
	case "", "standard", "legacy":
		s.RetryMode = aws.RetryModeStandard
	case "adaptive":
		s.RetryMode = aws.RetryModeAdaptive
	default:
		return mode.wrong("%q can be standard, adaptive or legacy", mode.text)
	}
	attempts := l.find("max_attempts", "AWS_MAX_ATTEMPTS")
	s.MaxAttempts = Calls
	if attempts.text != "" {
		n, err := strconv.Atoi(strings.TrimSpace(attempts.text))
		if err != nil || n < 0 {
			return attempts.wrong("%q is not a number of attempts, like 3", attempts.text)
		}
		s.MaxAttempts = max(n, 1)
	}
	return nil
}

// checkProxy refuses a proxy that Go's client would pass by: a call must not go another way than it was told to. The address may
// hold a password, and isn't shown.
func checkProxy() error {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Host == "" {
			u, err = url.Parse("http://" + text)
		}
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
			return hint.New(fmt.Errorf("%s: it is not the address of a proxy", name),
				"`unset %s`, or set it to an address like http://proxy.example.com:3128", name)
		}
	}
	return nil
}

// How long one HTTP call may take, and how often it's tried unless somebody has set that. Together they stay well inside of the
// deadline of an attempt, and when there is a session to fall back on, a chain of two links answers within three seconds.
const (
	CallTimeout, Calls               = 6 * time.Second, 3
	callTimeoutFailFast, FailFastFor = 1400 * time.Millisecond, 2500 * time.Millisecond
)

// Config is the SDK's configuration for calls with these settings. failFast is for who has a session to fall back on.
func (s *Settings) Config(partition string, provider aws.CredentialsProvider, failFast bool) aws.Config {
	timeout, attempts := CallTimeout, s.MaxAttempts
	if failFast {
		timeout, attempts = callTimeoutFailFast, 1
	}
	return aws.Config{
		Region:         s.In(partition),
		Credentials:    provider,
		HTTPClient:     s.client().WithTimeout(timeout),
		ConfigSources:  []any{sdkSettings{s}},
		ServiceOptions: []func(string, any){s.setEndpoint},
		Logger:         quiet,
		Retryer: func() aws.Retryer {
			standard := func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, 2*time.Second }
			if s.RetryMode == aws.RetryModeAdaptive {
				return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) { o.StandardOptions = append(o.StandardOptions, standard) })
			}
			return retry.NewStandard(standard)
		},
	}
}

// setEndpoint gives a client of the SDK's the endpoint of its service, or has its calls fail if that is wrong. The SDK would
// ask its configuration for it, but not where AWS_ENDPOINT_URL is set, be it to nothing. All clients have the fields, and no
// interface for them.
func (s *Settings) setEndpoint(service string, options any) {
	fields := reflect.ValueOf(options).Elem()
	if endpoint := s.Endpoint(service); endpoint != "" {
		fields.FieldByName("BaseEndpoint").Set(reflect.ValueOf(&endpoint))
	}
	if err := s.CheckEndpoint(service); err != nil {
		fields.FieldByName("APIOptions").Set(reflect.ValueOf([]func(*middleware.Stack) error{
			func(*middleware.Stack) error { return err },
		}))
	}
}

func (s *Settings) client() *awshttp.BuildableClient {
	c := awshttp.NewBuildableClient()
	if s.CABundle != nil {
		c = c.WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = t.TLSClientConfig.Clone()
			t.TLSClientConfig.RootCAs = s.CABundle
		})
	}
	return c
}

// HTTPClient is for what is asked without a client of the SDK's. follow says which redirections it follows.
func (s *Settings) HTTPClient(follow func(next *http.Request, via []*http.Request) error) *http.Client {
	return &http.Client{Transport: s.client().GetTransport(), CheckRedirect: follow}
}

// NoRedirection follows none: nobody else gets what the request has.
func NoRedirection(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// sdkSettings are Settings as the SDK's clients ask for them.
type sdkSettings struct{ *Settings }

func (s sdkSettings) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return aws.FIPSEndpointStateEnabled, s.FIPS, nil
}

func (s sdkSettings) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, s.DualStack, nil
}

// layersOf are the profiles whose settings count for a: the one that setup wrote for it, then the one called begins, where its
// credentials begin; "" is the default profile, as SDKs take it where nobody names one. Any may be missing.
func layersOf(f *dotaws.Files, a *accounts.Account, begins string) (l layers) {
	add := func(name string, unnamed bool) {
		if p, ok := f.Profile(name); ok {
			l = append(l, layer{f, p, unnamed})
		}
	}
	if a != nil && a.Name != "" {
		if p, ok := f.Profile(a.ProfileName()); ok {
			if _, ours := p.Account(); ours {
				add(p.Name, false)
			}
		}
	}
	if begins == "" {
		add(accounts.DefaultProfile, true)
	} else {
		add(begins, false)
	}
	return l
}

// quiet takes what the SDK would write to standard error, which stays empty on success: C++ SDKs take it for output.
var quiet = logging.LoggerFunc(func(class logging.Classification, format string, args ...any) {
	slog.Debug("AWS SDK: "+fmt.Sprintf(format, args...), "class", class)
})
