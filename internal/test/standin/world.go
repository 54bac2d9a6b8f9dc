package standin

import "time"

// Config declares the world at its start. The zero value is an AWS with nobody in it. The JSON form is what cmd/standin reads.
type Config struct {
	Accounts       []Account        `json:"accounts,omitempty"`
	Users          []User           `json:"users,omitempty"`
	Roles          []Role           `json:"roles,omitempty"`
	Denials        []Denial         `json:"denials,omitempty"`
	WebIdentities  []WebIdentity    `json:"web_identities,omitempty"`
	IdentityCenter []IdentityCenter `json:"identity_center,omitempty"`
	Console        Console          `json:"console,omitzero"`
	Buckets        []Bucket         `json:"buckets,omitempty"`
	Organization   *Organization    `json:"organization,omitempty"`
	Instance       *Instance        `json:"instance,omitempty"`
	Container      *Container       `json:"container,omitempty"`
	Containers     []Container      `json:"containers,omitempty"` // more of them; see [Server.ContainersEnv]

	// Moto is the URL of a running moto_server. S3, DynamoDB and every operation that standin does not know are then forwarded
	// to it, after standin has verified them.
	Moto string `json:"moto,omitempty"`
	// Marker is part of every secret that is generated here, so that one grep over a home finds a leak. Default MARKSECRET.
	Marker string `json:"marker,omitempty"`
	// TokenLength is the length of session tokens in characters, default 712. AWS promises no maximum; 350 to 1,000 is usual.
	TokenLength int `json:"token_length,omitempty"`
	// NewKeyDelayCalls and NewKeyDelaySeconds hold back keys made by CreateAccessKey: so many of their first uses fail, or all
	// within so many seconds. IAM is eventually consistent; this is how that looks to a rotation.
	NewKeyDelayCalls   int `json:"new_key_delay_calls,omitempty"`
	NewKeyDelaySeconds int `json:"new_key_delay_seconds,omitempty"`
	// NewRoleDelayCalls is the same for roles made by CreateRole: so many of the first attempts to assume one are refused.
	NewRoleDelayCalls int `json:"new_role_delay_calls,omitempty"`
	// Clock is the world's clock, default time.Now. SetClockOffset and Advance move it at runtime.
	Clock func() time.Time `json:"-"`
}

// An Account is an AWS account. Accounts that users or roles are in need not be declared, unless something is said of them.
type Account struct {
	ID        string `json:"id"`
	Partition string `json:"partition,omitempty"` // default aws
	Name      string `json:"name,omitempty"`
	Email     string `json:"email,omitempty"`
	// DisabledRegions are those where STS answers RegionDisabledException for this account.
	DisabledRegions []string `json:"disabled_regions,omitempty"`
}

// A User is an IAM user. Without Keys it is given one, see [Server.Key].
type User struct {
	Account string      `json:"account"`
	Name    string      `json:"name"`
	Path    string      `json:"path,omitempty"` // default /
	Keys    []AccessKey `json:"keys,omitempty"`
	MFA     []MFADevice `json:"mfa,omitempty"`
}

// AccessKey is a long-term key. An empty ID or Secret is generated.
type AccessKey struct {
	ID     string `json:"id,omitempty"`
	Secret string `json:"secret,omitempty"`
	Status string `json:"status,omitempty"` // Active (default) or Inactive
}

// MFADevice is a virtual device (RFC 6238: SHA-1, six digits, 30 seconds).
type MFADevice struct {
	Serial string `json:"serial,omitempty"` // default arn:…:mfa/NAME
	Secret string `json:"secret,omitempty"` // base32; generated when empty
}

// Role is an IAM role.
type Role struct {
	ARN   string `json:"arn"`
	Trust Trust  `json:"trust"`
	// MaxSessionDuration is in seconds, 3,600 (default) to 43,200.
	MaxSessionDuration int `json:"max_session_duration,omitempty"`
}

// Trust is a role's trust policy, as far as standin understands one.
type Trust struct {
	// Principals are account ids, ARNs of accounts (…:root), users, roles or assumed-role sessions, or "*". None means that
	// nobody may assume the role.
	Principals []string `json:"principals,omitempty"`
	// Actions default to sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity. Leave out what the role shall refuse.
	Actions        []string `json:"actions,omitempty"`
	ExternalID     string   `json:"external_id,omitempty"`
	MFA            bool     `json:"mfa,omitempty"`
	SourceIdentity bool     `json:"source_identity,omitempty"` // one must be given
	Tags           []string `json:"tags,omitempty"`            // session tag keys that must be given
	// WebIdentity admits tokens with these claims through AssumeRoleWithWebIdentity.
	WebIdentity *WebIdentityTrust `json:"web_identity,omitempty"`
}

// WebIdentityTrust is the condition of a trust policy on an OpenID Connect token. Empty fields match anything.
type WebIdentityTrust struct {
	Issuer   string `json:"issuer,omitempty"`
	Audience string `json:"audience,omitempty"`
	Subject  string `json:"subject,omitempty"`
}

// WebIdentity is a token that standin accepts as issued, as if it had checked the provider's signature.
type WebIdentity struct {
	Token    string    `json:"token"`
	Issuer   string    `json:"issuer"`
	Audience string    `json:"audience,omitempty"`
	Subject  string    `json:"subject"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
}

// Denial takes a permission away from principals, who have all of them otherwise. The fields are patterns with "*".
type Denial struct {
	Principal string `json:"principal"`          // ARN of a user, role or session
	Action    string `json:"action"`             // sts:AssumeRole, iam:*, …
	Resource  string `json:"resource,omitempty"` // default *
	// Explicit is a Deny statement; without it the permission is merely not granted. AWS words the two differently.
	Explicit bool `json:"explicit,omitempty"`
	// Policy is the kind that AWS names: service control policy, resource control policy, session policy, permissions
	// boundary, VPC endpoint policy … The default is an identity-based policy, which AWS doesn't name where sts:AssumeRole
	// isn't granted.
	Policy string `json:"policy,omitempty"`
	// PolicyARN is named, too, of an explicit denial, where caller and policy are of one organization.
	PolicyARN string `json:"policy_arn,omitempty"`
}

// Bucket is an S3 bucket. Objects are added by PutObject.
type Bucket struct {
	Account string `json:"account"`
	Name    string `json:"name"`
}

// IdentityCenter is one instance of IAM Identity Center.
type IdentityCenter struct {
	StartURL    string       `json:"start_url"`
	Region      string       `json:"region,omitempty"` // in the ARNs of its roles; default us-east-1
	User        string       `json:"user,omitempty"`   // who signs in; default user@example.com
	Assignments []Assignment `json:"assignments,omitempty"`
	// AccessTokenSeconds is how long an access token lives, default 3,600.
	AccessTokenSeconds int `json:"access_token_seconds,omitempty"`
	// SessionSeconds is how long refreshing works after signing in, default 8 hours.
	SessionSeconds int `json:"session_seconds,omitempty"`
	// DeviceCodeSeconds is how long a device code can be approved, default 600.
	DeviceCodeSeconds int `json:"device_code_seconds,omitempty"`
	// Interval is the least time in seconds between two polls, default 1. It is measured by the real clock, as it's about pace.
	Interval int `json:"interval,omitempty"`
	// PageSize is the largest page of the portal's lists, default 100.
	PageSize int `json:"page_size,omitempty"`
}

// Assignment gives the user of an IdentityCenter a permission set in an account.
type Assignment struct {
	Account string `json:"account"`
	Role    string `json:"role"`
	// SessionDuration is in seconds, default 3,600.
	SessionDuration int `json:"session_duration,omitempty"`
}

// Organization is what the Organizations API lists.
type Organization struct {
	ManagementAccount string      `json:"management_account"`
	Delegated         []string    `json:"delegated,omitempty"` // accounts that may list it besides the management account
	Members           []OrgMember `json:"members,omitempty"`
	Units             []OrgUnit   `json:"units,omitempty"`
	PageSize          int         `json:"page_size,omitempty"` // default 20, AWS's largest
}

// OrgUnit is an organizational unit.
type OrgUnit struct {
	ID     string `json:"id"` // ou-…
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"` // default r-root
}

// OrgMember is an account of the organization.
type OrgMember struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Email  string            `json:"email,omitempty"`
	Status string            `json:"status,omitempty"` // ACTIVE (default), SUSPENDED, PENDING_CLOSURE, CLOSED, …
	Parent string            `json:"parent,omitempty"` // root or organizational unit id; default r-root
	Tags   map[string]string `json:"tags,omitempty"`
}

// Instance makes the instance metadata service (version 2 only) serve this role.
type Instance struct {
	Role string `json:"role"` // ARN
}

// Container makes a container credentials endpoint serve this role. See [Server.ContainerEnv].
type Container struct {
	Role  string `json:"role"` // ARN
	Token string `json:"token,omitempty"`
}
