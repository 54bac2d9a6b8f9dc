// Package awslogin uses the console sign-in that `aws login` keeps in a file of ~/.aws: it hands out the credentials in it and
// renews them where the sign-in was made.
//
// Invariant: one process at a time renews a sign-in, since each answer brings the only refresh token for the next one. Whatever
// else the file says stays as the AWS CLI wrote it.
package awslogin

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/signin/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
)

// ErrSignedOut means that only a person's sign-in helps.
var ErrSignedOut = errors.New("not signed in")

// Provider hands out the credentials of one sign-in.
type Provider struct {
	Session string     // the login_session of its profile
	Config  aws.Config // without credentials
	Region  string     // that its profile names: where it was signed in to, unless the file says so itself
	Locks   string     // the folder of the locks
	Now     func() time.Time
	Report  func(error) // takes what is no reason to withhold credentials
}

// file is what `aws login` keeps. Fields that are not here stay in more.
type file struct {
	AccessToken *struct {
		AccessKeyID     string    `json:"accessKeyId"`
		SecretAccessKey string    `json:"secretAccessKey"`
		SessionToken    string    `json:"sessionToken"`
		AccountID       string    `json:"accountId"`
		ExpiresAt       time.Time `json:"expiresAt"`
	} `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ClientID     string `json:"clientId"`
	DPoPKey      string `json:"dpopKey"`
	SignInRegion string `json:"signInRegion"`

	path string
	more map[string]json.RawMessage
}

// soon is less lifetime than is worth handing out.
const soon = 5 * time.Minute

// Retrieve returns the credentials in the file, renewed if they end soon.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	path, err := logincreds.StandardCachedTokenFilepath(p.Session, os.Getenv("AWS_LOGIN_CACHE_DIRECTORY"))
	if err != nil {
		return aws.Credentials{}, err
	}
	f, err := read(path)
	if err == nil && f.endsSoon(p.Now()) {
		release, locked := lock.Acquire(ctx, p.Locks, "_login-"+filepath.Base(path)[:16])
		if locked == nil { // without a lock two may renew at once, and one of them fails
			defer release()
		}
		if f, err = read(path); err == nil && f.endsSoon(p.Now()) { // nobody has done it meanwhile
			err = p.renew(ctx, f)
		}
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	t := f.AccessToken
	return aws.Credentials{AccessKeyID: t.AccessKeyID, SecretAccessKey: t.SecretAccessKey, SessionToken: t.SessionToken, AccountID: t.AccountID,
		CanExpire: true, Expires: t.ExpiresAt, Source: logincreds.ProviderName}, nil
}

func (f *file) endsSoon(now time.Time) bool { return f.AccessToken.ExpiresAt.Sub(now) < soon }

func read(path string) (*file, error) {
	data, err := atomicfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrSignedOut
	}
	if err != nil {
		return nil, err
	}
	f := &file{path: path}
	if json.Unmarshal(data, f) != nil || json.Unmarshal(data, &f.more) != nil || f.AccessToken == nil || f.AccessToken.AccessKeyID == "" ||
		f.AccessToken.SecretAccessKey == "" || f.AccessToken.SessionToken == "" {
		return nil, fmt.Errorf("%w: %s holds no whole sign-in", ErrSignedOut, path)
	}
	return f, nil
}

// renew asks for new credentials with the refresh token, and keeps both.
func (p *Provider) renew(ctx context.Context, f *file) error {
	key, err := f.key()
	if err != nil {
		return err
	}
	cfg := p.Config.Copy()
	switch {
	case f.SignInRegion != "":
		cfg.Region = f.SignInRegion
	case p.Region != "":
		cfg.Region = p.Region
	}
	asked := p.Now()
	out, err := signin.NewFromConfig(cfg).CreateOAuth2Token(ctx, &signin.CreateOAuth2TokenInput{TokenInput: &types.CreateOAuth2TokenRequestBody{
		ClientId: &f.ClientID, GrantType: aws.String("refresh_token"), RefreshToken: &f.RefreshToken,
	}}, signin.WithAPIOptions(proves(key, p.Now)))
	if denied, ok := errors.AsType[*types.AccessDeniedException](err); ok {
		switch denied.Error_ {
		case types.OAuth2ErrorCodeTokenExpired, types.OAuth2ErrorCodeUserCredentialsChanged, types.OAuth2ErrorCodeAuthcodeExpired:
			return fmt.Errorf("%w: AWS says %s", ErrSignedOut, denied.Error_)
		}
	}
	if err != nil {
		return err
	}
	t := out.TokenOutput
	if t == nil || t.AccessToken == nil || aws.ToString(t.AccessToken.AccessKeyId) == "" || aws.ToString(t.AccessToken.SecretAccessKey) == "" ||
		aws.ToString(t.AccessToken.SessionToken) == "" || aws.ToInt32(t.ExpiresIn) <= 0 {
		return errors.New("AWS answered without a whole set of credentials")
	}
	f.AccessToken.AccessKeyID, f.AccessToken.SecretAccessKey = *t.AccessToken.AccessKeyId, *t.AccessToken.SecretAccessKey
	f.AccessToken.SessionToken, f.AccessToken.ExpiresAt = *t.AccessToken.SessionToken, asked.Add(time.Duration(*t.ExpiresIn)*time.Second).UTC()
	if refresh := aws.ToString(t.RefreshToken); refresh != "" {
		f.RefreshToken = refresh
	}
	if err := f.write(); err != nil { // the refresh token is spent: what it gave is all there is
		p.Report(fmt.Errorf("the renewed sign-in can't be kept, and ends with these credentials: writing %s: %w",
			f.path, hint.WithoutPath(err)))
	}
	return nil
}

func (f *file) write() error {
	for name, value := range map[string]any{"accessToken": f.AccessToken, "refreshToken": f.RefreshToken} {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		f.more[name] = data
	}
	data, err := json.Marshal(f.more)
	if err != nil {
		return err
	}
	return atomicfile.Write(f.path, data, 0o600)
}

// key is the one that the refresh token is bound to, in either of the forms that AWS's tools write.
func (f *file) key() (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(f.DPoPKey))
	if block != nil {
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if ec, ok := key.(*ecdsa.PrivateKey); ok {
				return ec, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: the key in %s can't be read", ErrSignedOut, f.path)
}

// proves puts the proof into each request that whoever sends it has the key (RFC 9449).
func proves(key *ecdsa.PrivateKey, now func() time.Time) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("DPoP", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			request, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("a request of type %T", in.Request)
			}
			proof, err := proof(key, request.URL.String(), now())
			if err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			request.Header.Set("DPoP", proof)
			return next.HandleFinalize(ctx, in)
		}), middleware.After)
	}
}

// proof is a JWS in its compact form, signed by ES256.
func proof(key *ecdsa.PrivateKey, address string, now time.Time) (string, error) {
	public, err := key.PublicKey.Bytes() // 4, then both coordinates in 32 bytes each
	if err != nil || len(public) != 65 {
		return "", fmt.Errorf("%w: its key is of another kind", ErrSignedOut)
	}
	text := base64.RawURLEncoding.EncodeToString
	header, err := json.Marshal(map[string]any{"typ": "dpop+jwt", "alg": "ES256",
		"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": text(public[1:33]), "y": text(public[33:])}})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]any{"htm": "POST", "htu": address, "iat": now.Unix(), "jti": rand.Text()})
	if err != nil {
		return "", err
	}
	signed := text(header) + "." + text(payload)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + text(signature[:]), nil
}
