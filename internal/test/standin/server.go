package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody is more than anything in a test.
const maxBody = 64 << 20

// Server is the stand-in. It is an http.Handler; [Start] and [Listen] give it a listener.
type Server struct {
	mu          sync.Mutex // guards all below; handlers run with it held
	clock       func() time.Time
	offset      time.Duration
	marker      string
	tokenLength int
	config      Config

	accounts map[string][]*Account // by id: the same number may be in use in each partition
	users    []*user
	roles    []*Role
	policies map[string]*rolePolicies // by role ARN
	denials  []Denial
	keys     map[string]*credential
	keyOrder []string
	minted   []string // secrets that aren't access keys
	buckets  []*bucket
	centers  []*center
	imds     map[string]time.Time
	signins  map[string]*signin

	consoleCodes   map[string]*consoleCode
	consoleRefresh map[string]*consoleSession // by refresh token, used ones included
	consoleProofs  map[string]bool            // the ids of DPoP proofs that were shown

	children map[string][]OrgMember // of the organization, by parent; made when asked for

	faults  []*Fault
	calls   []*Call
	changed chan struct{}

	done chan struct{}
	net  listening
}

// New makes a stand-in of the declared world.
func New(cfg Config) *Server {
	s := &Server{
		clock: cfg.Clock, marker: cfg.Marker, tokenLength: cfg.TokenLength, config: cfg,
		accounts: map[string][]*Account{}, keys: map[string]*credential{}, policies: map[string]*rolePolicies{}, imds: map[string]time.Time{}, signins: map[string]*signin{},
		consoleCodes: map[string]*consoleCode{}, consoleRefresh: map[string]*consoleSession{}, consoleProofs: map[string]bool{},
		changed: make(chan struct{}), done: make(chan struct{}), denials: append([]Denial(nil), cfg.Denials...),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.marker == "" {
		s.marker = "MARKSECRET"
	}
	if s.tokenLength == 0 {
		s.tokenLength = 712
	}
	for _, a := range cfg.Accounts {
		if a.Partition == "" {
			a.Partition = "aws"
		}
		if a.Name == "" {
			a.Name = "account " + a.ID
		}
		s.accounts[a.ID] = append(s.accounts[a.ID], &a)
	}
	for _, u := range cfg.Users {
		s.addUser(u)
	}
	for _, r := range cfg.Roles {
		s.putRole(r)
	}
	for _, b := range cfg.Buckets {
		s.buckets = append(s.buckets, newBucket(s.account(b.Account, ""), b.Name, s.now()))
	}
	for _, c := range cfg.IdentityCenter {
		s.centers = append(s.centers, newCenter(c))
	}
	return s
}

// exchange is one request on its way to its answer.
type exchange struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	body      []byte // as sent
	object    []byte // S3: the payload, unwrapped
	form      url.Values
	service   string
	operation string
	protocol  protocol
	requestID string
	auth      *authorization
	caller    *principal
	now       time.Time
	call      *Call
}

// handler answers an operation; it runs with Server.mu held and must not block.
type handler func(*exchange) (reply, error)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.net.handlers.RLock()
	defer s.net.handlers.RUnlock()
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.serveControl(w, r)
		return
	}
	// A client that sends Expect: 100-continue gets it by this read.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x := s.identify(w, r, body)
	x.call = &Call{
		Time: x.now, Service: x.service, Operation: x.operation, Resource: x.resource(), UserAgent: r.UserAgent(),
		RequestID: x.requestID, Params: x.form, Host: r.Host,
	}
	fault := s.record(x.call)
	answer, err := x.answer(fault)
	if errors.Is(err, errAnswered) {
		return
	}
	var refusal *apiError
	if errors.As(err, &refusal) {
		refusal = refusal.in(x.protocol)
		answer = refusal.reply(x)
	}
	if fault != nil && fault.after(x, &answer) {
		return
	}
	if refusal != nil {
		s.outcome(x.call, refusal.code, refusal.status, refusal.message)
	} else {
		s.outcome(x.call, "ok", answer.status, "")
	}
	x.writeHead(answer)
	if r.Method != http.MethodHead {
		w.Write(answer.body)
	}
}

// errAnswered is what answer returns when there is nothing left to write.
var errAnswered = errors.New("answered already")

func (x *exchange) answer(fault *Fault) (reply, error) {
	if fault != nil {
		instead, done := fault.before(x)
		if done {
			return reply{}, errAnswered
		}
		if instead != nil {
			return reply{}, instead
		}
	}
	x.s.mu.Lock()
	x.now = x.s.now() // a slow answer is given at its time, not at the request's
	handle, err := x.route()
	if err != nil {
		x.s.mu.Unlock()
		return reply{}, err
	}
	if handle == nil {
		x.s.mu.Unlock()
		return x.forward()
	}
	defer x.s.mu.Unlock()
	return handle(x)
}

func (x *exchange) writeHead(r reply) {
	header := x.w.Header()
	for name, values := range r.header {
		header[name] = values
	}
	header.Set("Date", x.now.UTC().Format(http.TimeFormat)) // the world's clock: SDKs work out their skew from it
	header.Set("X-Amzn-Requestid", x.requestID)
	if x.protocol == s3xml {
		header.Set("X-Amz-Request-Id", x.requestID)
	}
	if header.Get("Content-Length") == "" {
		header.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	x.w.WriteHeader(r.status)
}

// Operations of the signed services by the request's own marks, not by what its signature claims.
var (
	queryVersions = map[string]string{"2011-06-15": "sts", "2010-05-08": "iam"}
	jsonTargets   = map[string]string{"AWSOrganizationsV20161128": "organizations", "DynamoDB_20120810": "dynamodb"}
)

func (s *Server) identify(w http.ResponseWriter, r *http.Request, body []byte) *exchange {
	x := &exchange{s: s, w: w, r: r, body: body, requestID: newUUID(), now: s.Now()}
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-") || r.URL.Query().Get("X-Amz-Algorithm") != ""
	if !signed {
		if public, ok := publicOperation(r, body); ok {
			x.service, x.operation, x.protocol = public.service, public.operation, public.protocol
			return x
		}
	}
	if target, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		x.service, x.operation, x.protocol = jsonTargets[target], operation, json11
	} else {
		x.form = r.URL.Query()
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			if posted, err := url.ParseQuery(string(body)); err == nil {
				for name, values := range posted {
					x.form[name] = append(x.form[name], values...)
				}
			}
		}
		if x.operation = x.form.Get("Action"); x.operation != "" {
			x.service, x.protocol = queryVersions[x.form.Get("Version")], query
		} else {
			x.form = nil
			x.service, x.operation, x.protocol = "s3", s3Operation(r), s3xml
		}
	}
	if auth, err := parseAuthorization(r); err == nil && auth != nil && (x.service == "" || x.operation == "" || x.service == "s3") {
		x.service = auth.service // one that only moto knows
	}
	return x
}

// resource is what the request is about, for the log and for faults.
func (x *exchange) resource() string {
	switch {
	case x.service == "s3":
		return strings.TrimPrefix(x.r.URL.Path, "/")
	case x.form.Get("RoleArn") != "":
		return x.form.Get("RoleArn")
	case x.service == "sso":
		q := x.r.URL.Query()
		return strings.Trim(q.Get("account_id")+"/"+q.Get("role_name")+"/"+q.Get("next_token"), "/")
	case x.service == "organizations":
		var in paging
		json.Unmarshal(x.body, &in) // answered with an error later
		return strings.Trim(in.ParentId+in.ResourceId+"/"+in.NextToken, "/")
	}
	return x.form.Get("RoleName") + x.form.Get("UserName")
}

// route authenticates the request and finds its handler. None means that moto shall answer.
func (x *exchange) route() (handler, error) {
	if handle, ok := publicHandlers[x.service+":"+x.operation]; ok {
		return handle, nil
	}
	if err := x.authenticate(); err != nil {
		return nil, err
	}
	moto := x.s.config.Moto != ""
	if handle, ok := signedHandlers[x.service+":"+x.operation]; ok {
		if moto && (x.service == "s3" || x.service == "organizations" && x.s.config.Organization == nil) {
			return nil, nil
		}
		return handle, nil
	}
	if moto && x.service != "sts" {
		return nil, nil
	}
	switch x.protocol {
	case query:
		return nil, fail(400, "InvalidAction", "Could not find operation %s for version %s", x.operation, x.form.Get("Version"))
	case json11:
		return nil, fail(400, "UnknownOperationException", "")
	}
	return nil, fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented.")
}

func (s *Server) now() time.Time { return s.clock().Add(s.offset).UTC() }

// Now is the world's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// SetClockOffset puts the world's clock so much ahead of Config.Clock (or behind it, if negative): a skewed clock, seen from
// the other side.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = d
}

// Advance moves the world's clock on, which lets sessions expire.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

func readerOf(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
