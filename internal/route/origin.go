package route

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
)

// Kind is the way in which credentials begin.
type Kind string

// The ways in which credentials begin, of an account or of a profile that it begins with.
const (
	FromKey         Kind = "access key"      // in a file of ~/.aws
	FromEnvironment Kind = "environment"     // AWS_ACCESS_KEY_ID …
	FromKeychain    Kind = "keychain"        // a long-term key that `keys` put there
	FromProcess     Kind = "process"         // a profile's credential_process
	FromWebIdentity Kind = "web identity"    // a role that a token in a file opens
	FromSSO         Kind = "sso"             // a permission set, by the AWS CLI's sign-in
	FromLogin       Kind = "login"           // the console's sign-in, by the AWS CLI
	FromContainer   Kind = "container"       // the role of the container that we run in
	FromInstance    Kind = "instance"        // the role of the EC2 instance that we run on
	FromCenter      Kind = "identity center" // a permission set, by our own sign-in
	FromNothing     Kind = "nothing"         // the profile says nothing of credentials
)

// Origin is where credentials begin.
type Origin struct {
	Kind                                           Kind          `route:"identifying"`
	Profile                                        string        `route:"identifying"` // of ~/.aws, "" where none leads here
	Leaf                                           string        `route:"transport"`   // the profile that it leads to, itself for most
	KeyID                                          string        `route:"identifying"`
	Secret                                         string        `route:"transport"` // of the key, as is Token
	Token                                          string        `route:"transport"`
	Expires                                        time.Time     `route:"transport"`   // FromEnvironment: of the session, zero if that isn't said
	Command                                        string        `route:"identifying"` // FromProcess
	TokenFile, RoleARN, SessionName                string        `route:"identifying"` // FromWebIdentity
	Duration                                       time.Duration `route:"identifying"` // FromWebIdentity
	StartURL, Region, AccountID, RoleName, Session string        `route:"identifying"` // FromSSO, FromCenter
	Scopes                                         []string      `route:"identifying"` // FromCenter
	Login                                          string        `route:"identifying"` // FromLogin: the session
	Address                                        string        `route:"identifying"` // FromContainer, FromInstance: who is asked
	Machine                                        string        `route:"identifying"` // FromContainer, FromInstance: that we run on
	Roles                                          []ProfileRole `route:"identifying"` // that profiles of ~/.aws assume from there, in that order
	LoginRegion                                    string        `route:"transport"`   // where the session was signed in to, as its profile says
	Why                                            error         `route:"transport"`   // FromNothing: what is wrong with the profile
	Volatile                                       bool          `route:"transport"`   // it can be another one without a change of any file
}

// ProfileRole is a role that a profile of ~/.aws assumes.
type ProfileRole struct {
	ARN         string        `route:"identifying"`
	ExternalID  string        `route:"identifying"`
	SessionName string        `route:"identifying"`
	MFASerial   string        `route:"identifying"`
	Duration    time.Duration `route:"identifying"`
}

// Temporary reports whether what begins here is a session of a role, which AWS lets assume others for an hour at most. Of a
// process only its answer tells.
func (o *Origin) Temporary() bool {
	switch {
	case len(o.Roles) > 0:
		return true
	case o.Kind == FromKey || o.Kind == FromEnvironment:
		return o.Token != ""
	}
	return o.Kind == FromWebIdentity || o.Kind == FromSSO || o.Kind == FromLogin || o.Kind == FromCenter
}

// needsCode reports whether a profile on the way asks for an MFA code each time.
func (o *Origin) needsCode() bool {
	return slices.ContainsFunc(o.Roles, func(r ProfileRole) bool { return r.MFASerial != "" })
}

// originOf is where a base account's credentials begin, as far as that is known without asking anybody.
func originOf(f *dotaws.Files, base *accounts.Account) *Origin {
	from := base.Way()
	switch {
	case base.Credentials == nil && onlyEnvironment(f), from.Environment:
		return environmentOrigin()
	case from.Keychain:
		return &Origin{Kind: FromKeychain}
	case from.Instance:
		return machineOrigin()
	case from.WebIdentityTokenFile != "":
		return &Origin{Kind: FromWebIdentity, TokenFile: from.WebIdentityTokenFile, RoleARN: from.RoleARN,
			SessionName: SessionName(base), Duration: base.EffectiveDuration()}
	}
	return profileOrigin(f, from.Profile)
}

// onlyEnvironment reports whether only the environment has credentials, as in a pipeline, and not the default profile.
func onlyEnvironment(f *dotaws.Files) bool {
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return false
	}
	return profileOrigin(f, accounts.DefaultProfile).Kind == FromNothing
}

func environmentOrigin() *Origin {
	expires, _ := time.Parse(time.RFC3339, os.Getenv("AWS_CREDENTIAL_EXPIRATION"))
	return &Origin{Kind: FromEnvironment, KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Token: os.Getenv("AWS_SESSION_TOKEN"), Expires: expires, Volatile: true}
}

// machineOrigin is the role of the container that we run in, else that of the instance. Two of them may share a home: each is
// told by its address and its name.
func machineOrigin() *Origin {
	o := &Origin{Kind: FromInstance, Volatile: true}
	o.Machine, _ = os.Hostname()
	switch relative, full := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); {
	case relative != "":
		o.Kind, o.Address = FromContainer, containerHost+relative
	case full != "":
		o.Kind, o.Address = FromContainer, full
	default:
		o.Address = os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
	}
	return o
}

// currentOrigin is where the credentials begin that an SDK would use here and now, but for those of an instance, and the profile whose
// settings count.
func currentOrigin(f *dotaws.Files) (o *Origin, profile string) {
	profile = cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), accounts.DefaultProfile)
	switch env := environmentOrigin(); {
	case env.KeyID != "" && env.Secret != "":
		return env, profile
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" && os.Getenv("AWS_ROLE_ARN") != "":
		return &Origin{Kind: FromWebIdentity, TokenFile: os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), RoleARN: os.Getenv("AWS_ROLE_ARN"),
			SessionName: os.Getenv("AWS_ROLE_SESSION_NAME"), Duration: accounts.DefaultDuration}, profile
	}
	if o = profileOrigin(f, profile); o.Kind == FromNothing {
		if machine := machineOrigin(); machine.Kind == FromContainer {
			return machine, profile
		}
	}
	return o, profile
}

const containerHost = "http://169.254.170.2" // of Amazon ECS

// NoProfile is the error of a profile that isn't in ~/.aws.
type NoProfile struct{ Profile string }

func (e NoProfile) Error() string { return fmt.Sprintf("there is no profile %q in ~/.aws", e.Profile) }

// profileOrigin is where a profile's credentials begin to aws-sdk-go-v2: what (*SharedConfig).setFromIniSections and
// resolveCredsFromProfile of its config package make of the files. A test holds it against them.
func profileOrigin(f *dotaws.Files, profile string) *Origin {
	o, err := follow(f, profile, map[string]bool{})
	if err != nil {
		o = &Origin{Kind: FromNothing, Why: err}
	}
	o.Profile = profile
	return o
}

func follow(f *dotaws.Files, name string, visited map[string]bool) (*Origin, error) {
	p, ok := f.Profile(name)
	if !ok || !p.Seen(awsfiles.Go) {
		return nil, NoProfile{name}
	}
	get := func(key string) string {
		found, _ := p.Get(awsfiles.Go, key)
		return found.Value
	}
	role := ProfileRole{ARN: get("role_arn"), ExternalID: get("external_id"), SessionName: get("role_session_name"), MFASerial: get("mfa_serial"),
		Duration: profileDuration(get("duration_seconds"))}
	source, from, tokenFile, command := get("source_profile"), get("credential_source"), get("web_identity_token_file"), get("credential_process")
	again := visited[name]
	first := len(visited) == 0
	visited[name] = true
	switch {
	case again: // a profile that is its own source: only its credentials count
		role, source = ProfileRole{}, ""
	case role.ARN == "" && (source != "" || from != "" || tokenFile != ""):
		return nil, wrongProfile(f, p, "it says where a role is assumed from, and has no role_arn")
	}

	o := &Origin{}
	key := Origin{Kind: FromKey, KeyID: get("aws_access_key_id"), Secret: get("aws_secret_access_key"), Token: get("aws_session_token")}
	hasKey := key.KeyID != "" && key.Secret != ""
	switch {
	case hasKey && !first: // whatever else it says
		*o = key
	case said(source, from, tokenFile, command) > 1:
		return nil, wrongProfile(f, p, "it has more than one of source_profile, credential_source, credential_process and web_identity_token_file")
	case source != "":
		var err error
		if o, err = follow(f, source, visited); err != nil {
			if missing, ok := errors.AsType[NoProfile](err); ok {
				return nil, wrongProfile(f, p, "its source_profile %q is not there", missing.Profile)
			}
			return nil, err
		}
		if o.Kind == FromNothing {
			return nil, wrongProfile(f, p, "its source_profile %q has no credentials", source)
		}
	case hasKey:
		*o = key
	case from != "":
		switch from {
		case "Environment":
			o = environmentOrigin()
		case "EcsContainer", "Ec2InstanceMetadata":
			o = machineOrigin()
			if from == "Ec2InstanceMetadata" {
				o.Kind, o.Address = FromInstance, os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")
			} else if o.Kind != FromContainer {
				return nil, wrongProfile(f, p, "its credential_source is EcsContainer, and this is no container: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set")
			}
		default:
			return nil, wrongProfile(f, p, "its credential_source can be Environment, EcsContainer or Ec2InstanceMetadata")
		}
	case tokenFile != "":
		return &Origin{Kind: FromWebIdentity, TokenFile: tokenFile, RoleARN: role.ARN, SessionName: role.SessionName, Duration: role.Duration}, nil
	case said(get("sso_session"), get("sso_account_id"), get("sso_region"), get("sso_start_url"), get("sso_role_name")) > 0:
		var err error
		if o, err = ssoOrigin(f, p, get); err != nil {
			return nil, err
		}
	case get("login_session") != "":
		*o = Origin{Kind: FromLogin, Login: get("login_session"), LoginRegion: get("region")}
	case command != "":
		*o = Origin{Kind: FromProcess, Command: command}
	default:
		o.Kind = FromNothing
	}
	o.Leaf = cmp.Or(o.Leaf, name)
	if role.ARN != "" {
		o.Roles = append(o.Roles, role)
	}
	return o, nil
}

func ssoOrigin(f *dotaws.Files, p *awsfiles.Profile, get func(string) string) (*Origin, error) {
	o := &Origin{Kind: FromSSO, StartURL: get("sso_start_url"), Region: get("sso_region"), AccountID: get("sso_account_id"), RoleName: get("sso_role_name"),
		Session: strings.TrimSpace(get("sso_session"))}
	if o.Session != "" {
		s := f.SSOSession(awsfiles.Go, o.Session)
		if s == nil {
			return nil, wrongProfile(f, p, "there is no [sso-session %s]", o.Session)
		}
		for _, st := range s.Settings {
			into := map[string]*string{"sso_start_url": &o.StartURL, "sso_region": &o.Region}[st.Key]
			switch {
			case into == nil || st.By&awsfiles.Go == 0:
			case *into != "" && *into != st.Value && get(st.Key) != "":
				return nil, wrongProfile(f, p, "its %s differs from that of [sso-session %s]", st.Key, o.Session)
			default:
				*into = st.Value
			}
		}
	}
	for _, needed := range [][2]string{{"sso_start_url", o.StartURL}, {"sso_region", o.Region}, {"sso_account_id", o.AccountID}, {"sso_role_name", o.RoleName}} {
		if needed[1] == "" {
			return nil, wrongProfile(f, p, "%s is missing for its sign-in", needed[0])
		}
	}
	return o, nil
}

// wrongProfile is about a profile that SDKs refuse, too.
func wrongProfile(f *dotaws.Files, p *awsfiles.Profile, format string, args ...any) error {
	where := ""
	if len(p.Config) > 0 {
		where = fmt.Sprintf(" (line %d of %s)", p.Config[0].Line, dotaws.Path(awsfiles.Config))
	}
	return hint.New(fmt.Errorf("profile %q%s can't be used: %s", p.Name, where, fmt.Sprintf(format, args...)),
		"correct that profile; `aws sts get-caller-identity --profile %s` tries it", hint.Word(p.Name))
}

// profileDuration is that of a profile's role, as AWS takes it.
func profileDuration(text string) time.Duration {
	n, err := strconv.Atoi(text)
	d := time.Duration(n) * time.Second
	if err != nil || d < 15*time.Minute || d > 12*time.Hour {
		return time.Hour
	}
	return d
}

// said is how many of the texts say something.
func said(texts ...string) (n int) {
	for _, t := range texts {
		if t != "" {
			n++
		}
	}
	return n
}
