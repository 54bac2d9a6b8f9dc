package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/cache"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/loopback"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Serve is `aws-accounts serve NAME`: container credentials on the loopback address, until it is ended.
type Serve struct {
	Name      string `arg:"" optional:"" help:"The account; without it, you choose."`
	byProfile `embed:""`
	Port      uint16 `help:"The port on 127.0.0.1 (default: any that is free)."`
	AnyUser   bool   `help:"Also answer other users of this machine, as in a container, if they have the token."`
	Forms     `embed:""`
}

// Run says where the endpoint is once it answers, and serves until it's interrupted, which is success.
func (c *Serve) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	write, err := c.writer()
	if err != nil && c.Shell == "" { // who serves has nologin as its shell, or one that is asked for in the POSIX form anyway
		c.Shell = "sh"
		write, err = c.writer()
	}
	if err != nil {
		return err
	}
	// By it the token can stay the same from one start to the next. It isn't a flag, which other users of the machine could read.
	token := os.Getenv(private.ServeToken)
	if token != "" && !goodToken(token) {
		return hint.New(fmt.Errorf("%s must be at least %d letters, digits or . _ + / = -", private.ServeToken, leastToken), "make one with `openssl rand -hex 32`")
	}
	session, err := open(r, c.Name, c.byProfile)
	if err != nil {
		return err
	}
	e, err := newEndpoint(session, c.Port, token, c.AnyUser)
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := write(stdout, nil, e.variables()); err != nil {
		return err
	}
	if tui.ScreenOf(stdout).Width > 0 {
		fmt.Fprintf(stderr, "\nserving %s until Ctrl-C\n", session.account.Name)
	}
	<-ctx.Done()
	return nil
}

// endpoint hands out a session's credentials over HTTP, as Amazon ECS and EKS do for containers. It answers whoever is on
// this machine and knows the token, and nobody else.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
type endpoint struct {
	*loopback.Server
	session *session
	token   string
	turn    chan struct{} // held by the one who asks the resolver
}

const endpointPath = "/credentials"

// staticLife is what credentials without an end are said to live: botocore refuses an answer without Expiration.
const staticLife = time.Hour

// newEndpoint serves at once: on any free port if port is 0, with a token of its own making if token is "".
func newEndpoint(s *session, port uint16, token string, anyUser bool) (*endpoint, error) {
	if token == "" {
		token = randomText()
	}
	e := &endpoint{session: s, token: token, turn: make(chan struct{}, 1)}
	listen := loopback.Listen
	if anyUser {
		listen = loopback.ListenForAll
	}
	var err error
	e.Server, err = listen(port, e.answer)
	return e, hint.New(err, "choose another --port, or none for any that is free")
}

// randomText is what nobody guesses: 32 random bytes, safe in an address, a header and a shell.
func randomText() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	return base64.RawURLEncoding.EncodeToString(secret)
}

func (e *endpoint) variables() []variable {
	return []variable{
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://" + e.Address() + endpointPath},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN", e.token},
	}
}

// answer gives credentials, or an error in the form that SDKs show.
func (e *endpoint) answer(ctx context.Context, request *http.Request) loopback.Reply {
	switch {
	case request.URL.Path != endpointPath:
		return loopback.Refuse(http.StatusNotFound, "NotFound", "nothing here but "+endpointPath)
	case request.Method != http.MethodGet:
		return loopback.Refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "only GET")
	case subtle.ConstantTimeCompare([]byte(request.Header.Get("Authorization")), []byte(e.token)) != 1:
		return loopback.Refuse(http.StatusUnauthorized, "Unauthorized", "the Authorization header must be the value of AWS_CONTAINER_AUTHORIZATION_TOKEN")
	}
	credentials, err := e.retrieve(ctx)
	if err != nil {
		message := err.Error()
		if h := hint.Of(err); h != "" {
			message += "; hint: " + h
		}
		// SDKs try again after a 5xx, which is no use after AWS's definite no.
		if errors.Is(err, cache.ErrRefused) {
			return loopback.Refuse(http.StatusForbidden, "AccessDenied", message)
		}
		return loopback.Refuse(http.StatusServiceUnavailable, "CredentialsUnavailable", message)
	}
	expires := e.session.Sessions.Now().Add(staticLife)
	if credentials.CanExpire {
		expires = credentials.Expires
	}
	return loopback.JSON(http.StatusOK, struct {
		AccessKeyId     string
		SecretAccessKey string
		Token           string // botocore wants it even if it's empty
		Expiration      string
		AccountId       string `json:",omitempty"`
		RoleArn         string `json:",omitempty"`
	}{credentials.AccessKeyID, credentials.SecretAccessKey, credentials.SessionToken, expires.UTC().Format(time.RFC3339),
		credentials.AccountID, cmp.Or(e.session.account.RoleARN, e.session.account.Way().RoleARN)})
}

// retrieve asks the resolver, one caller at a time. It goes on when the SDK has given up, which botocore does after two
// seconds: SDKs try again, and then find what came of it.
func (e *endpoint) retrieve(ctx context.Context) (aws.Credentials, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return aws.Credentials{}, ctx.Err()
	}
	return e.session.retrieve(ctx)
}

// leastToken is how long a token must be that a user has chosen.
const leastToken = 32

// goodToken reports whether a token can be a header's value, and a variable's in every shell without quotes.
func goodToken(token string) bool { return len(token) >= leastToken && tokenText.MatchString(token) }

var tokenText = pattern.New(`^[A-Za-z0-9._+/=-]+$`)
