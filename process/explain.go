package process

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
)

// Refusal is AWS's answer in our words. It keeps the code and the request id for the log, and of AWS's own message
// only what can't hold a secret.
type Refusal struct {
	message   string
	Code      string
	RequestID string
	Definite  bool
	// AWS has denied to assume the role without saying which policy it is.
	Unexplained bool
	cause       error
}

func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.message
	}
	return fmt.Sprintf("%s (%s)", r.message, r.Code)
}

func (r *Refusal) Unwrap() error { return r.cause }

func (r *Refusal) Is(target error) bool { return r.Definite && target == cache.ErrRefused }

// Explain says in one sentence why a's credentials can't be had, and one next step. Errors that have a next step
// already, as from an account's source, stay as they are. The rows given are tried before those of refusals.
func Explain(err error, a *accounts.Account, rows ...Row) error {
	if err == nil {
		return nil
	}
	if ours := hint.From(err); ours != nil {
		return ours
	}
	v := NewVerdict(err, a)
	if !IsRefusal(err) {
		return v.unanswered()
	}
	for _, row := range append(rows, refusals()...) {
		if row.matches(v) {
			name := v.Name
			if row.ofBase {
				name = cmp.Or(v.base.Name, name)
			}
			message := name + ": " + row.Says(v)
			return hint.New(&Refusal{message: message, Code: v.code, RequestID: requestID(err), Definite: row.Definite,
				Unexplained: v.isUnexplained()}, "%s", row.Next(v))
		}
	}
	panic("unreachable: the last row matches everything")
}

// Word is the account's name as a shell takes it.
func (v Verdict) Word() string { return hint.Word(v.Name) }

// Because names the policy that denies the call, after a comma; "" if AWS doesn't.
func (v Verdict) Because() string { return v.becauseText }

// AWSSays is AWS's own message, on one line.
func (v Verdict) AWSSays() string { return Plain(v.err) }

// Other parts of sentences about a verdict.

func (v Verdict) path() string      { return v.File }
func (v Verdict) entry() string     { return v.Name + " in " + v.File }
func (v Verdict) region() string    { return v.way().Last().Region() }
func (v Verdict) duration() string  { return accounts.Duration(v.a.EffectiveDuration()).String() }
func (v Verdict) tokenFile() string { return v.way().Origin.TokenFile }
func (v Verdict) tokenRole() string { return v.way().Origin.RoleARN }
func (v Verdict) profile() string   { return hint.Word(v.base.Way().Profile) }
func (v Verdict) permission() string {
	return cmp.Or(v.denied, strings.ToLower(v.service)+":"+v.Action)
}
func (v Verdict) role() string {
	return cmp.Or(v.resource, v.a.RoleARN, v.base.Way().RoleARN, "its role")
}
func (v Verdict) conditions() string { return Conditions(v.a) }
func (v Verdict) device() string     { return cmp.Or(mfaOwner(v.a).MFASerial, v.profileDevice()) }
func (v Verdict) clock() string      { return skew(v.err) }
func (v Verdict) status() string     { return fmt.Sprint(Answer(v.err).StatusCode) }

func (v Verdict) isAssuming() bool { return v.permission() == "sts:AssumeRole" }

// profileDevice is the device that the profile asks for where a's credentials begin.
func (v Verdict) profileDevice() string {
	serial := ""
	for _, role := range v.way().Origin.Roles {
		serial = cmp.Or(role.MFASerial, serial)
	}
	return serial
}

// ClockIsRight is false where AWS refuses a signature for its time.
func (v Verdict) ClockIsRight() bool { return !Row{match: clockTexts}.matches(v) }

func (v Verdict) troubled() bool {
	response := Answer(v.err)
	return response != nil && response.StatusCode >= 500
}

// source is whose credentials signed the call.
func (v Verdict) source() string {
	if name := v.sourceName(); name != "" {
		return "the credentials of " + name
	}
	return "your base credentials"
}

func (v Verdict) sourceName() string {
	if s := v.a.SourceAccount(); s != nil {
		return s.Name
	}
	return v.a.Name
}

// withSession reports whether the call was signed with a session that was kept.
func (v Verdict) withSession() bool {
	s := v.a.SourceAccount()
	return s != nil && s.Name != "" && v.way().Last().BySession
}

// who is the caller: by its ARN, or as far as we know it.
func (v Verdict) who() string { return cmp.Or(v.Caller, v.user()) }

func (v Verdict) user() string {
	switch s := v.a.SourceAccount(); {
	case s == nil:
		return "the user of " + v.Name
	case s.IsBase():
		if o := v.way().Origin; o.Temporary() || o.Machine != "" {
			return "your role"
		}
		return "your user"
	default:
		return "the role of " + s.Name
	}
}

// trustee is whom a role's trust policy has to name: the account of the caller, else that of the source.
func (v Verdict) trustee() string {
	if who, err := arn.Parse(v.Caller); err == nil {
		return "account " + who.AccountID
	}
	if s := v.a.SourceAccount(); s != nil && s.AccountID != "" {
		return "account " + s.AccountID
	}
	return v.source()
}

// Conditions says what else a trust policy may ask of a session of a.
func Conditions(a *accounts.Account) string {
	with := ""
	if a.ExternalID != "" {
		with = " with this external ID"
	}
	if mfaOwner(a).MFASerial == "" && !a.IsChained() {
		with += " (and if it demands MFA, set \"mfa_serial\")"
	}
	return with
}

// mfaOwner is the account whose device is used for a's session, a itself if none is.
func mfaOwner(a *accounts.Account) *accounts.Account {
	if source := a.SourceAccount(); a.MFASerial == "" && source != nil && source.MFASerial != "" {
		return source
	}
	return a
}

// checks is the command that looks further. `doctor` types no MFA code, so it can't assume a role that takes one.
func (v Verdict) checks() string {
	if v.a.SourceAccount() != nil && v.a.CodeOwner() != nil {
		return fmt.Sprintf("`aws-accounts role policy %s` prints both policies", v.Word())
	}
	return fmt.Sprintf("`aws-accounts doctor %s` checks both", v.Word())
}

func (v Verdict) isUnexplained() bool {
	return Row{Codes: CodesDenied, When: Verdict.isAssuming}.matches(v) && v.becauseText == ""
}

// doctor is the next step where nothing better is known. An account that is in no file has a name that is no argument.
func (v Verdict) doctor() string {
	if _, err := v.a.File().Find(v.a.Name); err != nil {
		return "`aws-accounts doctor` " + hint.LooksForCause
	}
	return fmt.Sprintf("`aws-accounts doctor %s` %s", v.Word(), hint.LooksForCause)
}

// inProfile reports whether the role isn't a's, but that of the profile where a's credentials begin.
func (v Verdict) inProfile() bool {
	return v.base.Way().Profile != "" && (v.a.RoleARN == "" || v.resource != "" && v.resource != v.a.RoleARN)
}

func (v Verdict) signedOut() string { what, _ := v.login(); return what + " is not signed in" }

func (v Verdict) signIn() string { _, command := v.login(); return "run `" + command + "`" }

// login says what has to be signed in to so that there are credentials again, and with which command.
func (v Verdict) login() (what, command string) {
	if session := v.base.SSOSession(); session != nil {
		return session.Name, SignInCommand(v.base.File(), session)
	}
	o, login := v.way().Origin, "aws sso login"
	if o.Kind == route.FromLogin {
		login = "aws login"
	}
	profile := hint.Word(cmp.Or(o.Leaf, v.base.Way().Profile))
	return "profile " + profile, login + " --profile " + profile
}

// renewExpired is how to get other temporary credentials than those that have expired.
func (v Verdict) renewExpired() string {
	switch way := v.base.Way(); {
	case v.withSession():
		return fmt.Sprintf("`aws-accounts assume %s --refresh` gets others, then try again", hint.Word(v.sourceName()))
	case way.Profile != "" && v.way().Origin.Kind != route.FromEnvironment:
		_, command := v.login()
		return fmt.Sprintf("renew them (for instance `%s`), then try again", command)
	}
	return v.renewal() + ", then try again"
}

const renewEnvironment = "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to valid credentials"

// renewal is how to give a valid access key to where a's credentials begin.
func (v Verdict) renewal() string {
	switch way := v.base.Way(); {
	case way.Keychain:
		return fmt.Sprintf("give it a valid access key: `aws-accounts keys add %s --replace`", hint.Word(v.base.Name))
	case v.way().Origin.Kind == route.FromEnvironment:
		return renewEnvironment
	case way.Profile != "":
		return fmt.Sprintf("run `aws configure --profile %s` with a valid access key", v.profile())
	}
	return "wait until the machine has renewed them"
}

// IsRefusal reports whether err is AWS's own answer, and not that of somebody on the way to it.
func IsRefusal(err error) bool {
	code := awscall.Code(err)
	return code != "" && code != "UnknownError" // the SDK's name for what isn't in AWS's form
}

// Answer is the answer that err is about, nil if there was none.
func Answer(err error) *http.Response {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.Response.Response
	}
	return nil
}

// requestID is the id that AWS gave the request which failed, "" if none reached AWS.
func requestID(err error) string {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.ServiceRequestID()
	}
	return ""
}

// skew reads how far off the clock is from the answer's own date.
func skew(err error) string {
	if response := Answer(err); response != nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			return OffBy(time.Since(date))
		}
	}
	return "off"
}

// Plain is the innermost message of err, on one line: the SDK wraps each in the names of its layers.
func Plain(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		return oneLine(api.ErrorMessage())
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return oneLine(err.Error())
		}
		err = inner
	}
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…" // not within a character
	}
	return s
}
