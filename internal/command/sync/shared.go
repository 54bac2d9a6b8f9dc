package sync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// Shared is `aws-accounts sync shared`: fetches the accounts file that a team shares.
type Shared struct {
	IfOlderThan tui.Past `help:"Do nothing while the copy is younger, as in a shell's profile." placeholder:"24h"`
}

// Run fetches, and says which accounts came, changed and went.
func (c *Shared) Run(r *process.Resolver, stdout io.Writer) error {
	reader := r.Accounts
	from, err := accounts.From(reader.Path)
	if err != nil {
		return err
	}
	switch {
	case from == nil:
		return hint.New(fmt.Errorf("%s names no shared accounts file", reader.Path), `write at its top: "accounts_from": {"url": "https://…"}`)
	case from.URL == "":
		_, err := fmt.Fprintf(stdout, "%s is read where it is: nothing to fetch\n", from)
		return err
	case c.IfOlderThan > 0 && time.Since(from.Fetched()) < time.Duration(c.IfOlderThan):
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	get := getHTTPS
	if _, _, ok := from.S3(); ok {
		if get, err = gettingS3(ctx, from.Account, r); err != nil {
			return err
		}
	}
	content, err := get(ctx, from.URL)
	var signature []byte
	if err == nil && from.Signature() != "" {
		signature, err = get(ctx, from.Signature())
	}
	if err != nil && !from.Fetched().IsZero() {
		err = fmt.Errorf("%w; the copy fetched before stays in use", err)
	}
	if err != nil && hint.Of(err) == "" {
		err = hint.New(err, "correct \"accounts_from\" in %s, or try again later", reader.Path)
	}
	if err != nil {
		return err
	}
	added, changed, gone, err := from.Keep(content, signature)
	if err != nil {
		return err
	}
	if len(added)+len(changed)+len(gone) == 0 {
		_, err = fmt.Fprintf(stdout, "%s: nothing new\n", from)
		return err
	}
	fmt.Fprintf(stdout, "%s:\n", from)
	for _, what := range []struct {
		mark  string
		names []string
	}{{"+", added}, {"~", changed}, {"-", gone}} {
		for _, name := range what.names {
			fmt.Fprintf(stdout, "  %s %s\n", what.mark, name)
		}
	}
	tui.Say(stdout, "next: `aws-accounts setup` writes their profiles")
	return nil
}

// mostShared is the size of what is fetched at most. 10,000 accounts are 2 MB.
const mostShared = 32 << 20

func getHTTPS(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	hop, err := route.HopOf(nil, "")
	if err != nil {
		return nil, err
	}
	response, err := hop.Settings.HTTPClient(staysHTTPS).Do(request)
	if err != nil {
		return nil, notReached(address, err)
	}
	defer response.Body.Close()
	return wholeBody(address, response)
}

func notReached(address string, err error) error {
	failed := fmt.Errorf("fetching %s: %s", address, process.Plain(err))
	if process.IsCertificate(err) {
		return hint.New(failed, process.TrustProxy)
	}
	return failed
}

// staysHTTPS follows no redirection away from https, but within this machine, where tests listen without.
func staysHTTPS(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case next.URL.Scheme != "https" && (first.Scheme == "https" || next.URL.Host != first.Host):
		return errors.New("it leads away from https")
	case len(via) > 5:
		return errors.New("it leads on and on")
	}
	return nil
}

func wholeBody(address string, response *http.Response) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(response.Body, mostShared+1))
	switch {
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetching %s: %s", address, response.Status)
	case err != nil:
		return nil, fmt.Errorf("fetching %s: %w", address, err)
	case len(content) > mostShared:
		return nil, fmt.Errorf("fetching %s: it is larger than %d MB", address, mostShared>>20)
	}
	return content, nil
}

// gettingS3 returns what gets an object with the credentials of the account called name. One signed request is all that is
// needed of S3, whose client would make the program a third larger.
func gettingS3(ctx context.Context, name string, r *process.Resolver) (func(context.Context, string) ([]byte, error), error) {
	file, err := r.Accounts.File()
	if err != nil {
		return nil, err
	}
	a, err := file.Find(name)
	if err != nil {
		return nil, err
	}
	credentials, err := r.Session(a.Name).Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hop, err := route.HopOf(a, "")
	if err != nil {
		return nil, err
	}
	region := hop.Region()
	return func(ctx context.Context, address string) ([]byte, error) {
		content, there, err := getS3(ctx, hop, address, region, credentials)
		if there != "" && there != region {
			content, _, err = getS3(ctx, hop, address, there, credentials)
		}
		return content, err
	}, nil
}

// getS3 gets the object at address, s3://BUCKET/KEY. If S3 knows the bucket in another region, that is returned with the error.
func getS3(ctx context.Context, hop *route.Hop, address, region string, credentials aws.Credentials) (content []byte, there string, err error) {
	path := httpbinding.EscapePath(strings.TrimPrefix(address, "s3:/"), false) // as it is signed: + and blanks too
	endpoint, err := s3Endpoint(ctx, hop, region)
	if err != nil {
		return nil, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+path, nil)
	if err != nil {
		return nil, "", err
	}
	empty := sha256.Sum256(nil)
	hash := hex.EncodeToString(empty[:])
	request.Header.Set("X-Amz-Content-Sha256", hash)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(ctx, credentials, request, hash, "s3", region, time.Now()); err != nil {
		return nil, "", err
	}
	response, err := hop.Settings.HTTPClient(route.NoRedirection).Do(request)
	if err != nil {
		return nil, "", notReached(address, err)
	}
	defer response.Body.Close()
	content, err = wholeBody(address, response)
	return content, response.Header.Get("X-Amz-Bucket-Region"), err
}

// s3Endpoint is where S3 answers in a region, or what the variables say that SDKs obey. The partitions' domains are known to
// the SDK's STS client, which is in the program anyway.
func s3Endpoint(ctx context.Context, hop *route.Hop, region string) (string, error) {
	if endpoint := hop.Settings.Endpoint("S3"); endpoint != "" {
		return endpoint, nil
	}
	at, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region, UseFIPS: &hop.Settings.FIPS})
	if err != nil {
		return "", err
	}
	return at.URI.Scheme + "://s3" + strings.TrimPrefix(at.URI.Host, "sts"), nil
}
