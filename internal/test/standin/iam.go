package standin

import (
	"regexp"
	"time"
)

const accessKeysPerUser = 2

// iamCaller refuses whom IAM refuses from the start: GetSessionToken without MFA opens everything but IAM, and is answered as if
// the token were bad (99designs/aws-vault#15).
func (x *exchange) iamCaller() error {
	if x.caller.kind == userSession && !x.caller.mfa {
		return fail(403, "InvalidClientTokenId", invalidToken)
	}
	return nil
}

// iamUser is the user whom a request names, or whose key signed it, in the caller's account.
func (x *exchange) iamUser() (*user, error) {
	if err := x.iamCaller(); err != nil {
		return nil, err
	}
	c := constraints{x: x}
	name := c.text("UserName", false, 1, 128, regexp.MustCompile(`^[\w+=,.@-]+$`))
	if err := c.err(); err != nil {
		return nil, err
	}
	if name == "" && x.caller.user == nil {
		return nil, fail(400, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	action := "iam:" + x.operation
	for _, u := range x.s.users {
		if u.account == x.caller.account && (u.name == name || name == "" && u == x.caller.user) {
			return u, x.authorizeIAM(action, u)
		}
	}
	return nil, fail(404, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func (x *exchange) authorizeIAM(action string, u *user) error {
	for _, d := range x.s.denials {
		if x.caller.is(d.Principal) && matches(d.Action, action) && (d.Resource == "" || matches(d.Resource, u.arn())) {
			because := "because no identity-based policy allows the " + action + " action"
			if d.Explicit {
				because = "with an explicit deny in an identity-based policy"
			}
			return fail(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: user %s %s", x.caller.arn, action, u.name, because)
		}
	}
	return nil
}

func getUser(x *exchange) (reply, error) {
	u, err := x.iamUser()
	if err != nil {
		return reply{}, err
	}
	type xmlUser struct{ Path, UserName, UserId, Arn, CreateDate string }
	return x.queryReply(struct{ User xmlUser }{xmlUser{u.path, u.name, uniqueID("AIDA", u.arn()), u.arn(), isoTime(u.created)}}), nil
}

func createAccessKey(x *exchange) (reply, error) {
	u, err := x.iamUser()
	if err != nil {
		return reply{}, err
	}
	if len(x.s.userKeys(u)) >= accessKeysPerUser {
		return reply{}, fail(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", accessKeysPerUser)
	}
	key := x.s.addKey(u, AccessKey{})
	key.failFirst = x.s.config.NewKeyDelayCalls
	key.validFrom = x.now.Add(time.Duration(x.s.config.NewKeyDelaySeconds) * time.Second)
	type xmlKey struct{ UserName, AccessKeyId, Status, SecretAccessKey, CreateDate string }
	return x.queryReply(struct{ AccessKey xmlKey }{xmlKey{u.name, key.ID, "Active", key.Secret, isoTime(key.created)}}), nil
}

func (c *credential) status() string {
	if c.active {
		return "Active"
	}
	return "Inactive"
}

func listAccessKeys(x *exchange) (reply, error) {
	u, err := x.iamUser()
	if err != nil {
		return reply{}, err
	}
	type item struct{ UserName, AccessKeyId, Status, CreateDate string }
	result := struct {
		AccessKeyMetadata []item `xml:"AccessKeyMetadata>member"`
		IsTruncated       bool
	}{}
	for _, key := range x.s.userKeys(u) {
		result.AccessKeyMetadata = append(result.AccessKeyMetadata, item{u.name, key.ID, key.status(), isoTime(key.created)})
	}
	return x.queryReply(result), nil
}

var keyIDPattern = regexp.MustCompile(`^[\w]+$`)

// iamKey is the key that a request names, which must be the user's.
func (x *exchange) iamKey() (*credential, error) {
	u, err := x.iamUser()
	if err != nil {
		return nil, err
	}
	c := constraints{x: x}
	id := c.text("AccessKeyId", true, 16, 128, keyIDPattern)
	if err := c.err(); err != nil {
		return nil, err
	}
	for _, key := range x.s.userKeys(u) {
		if key.ID == id {
			return key, nil
		}
	}
	return nil, fail(404, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
}

func updateAccessKey(x *exchange) (reply, error) {
	key, err := x.iamKey()
	if err != nil {
		return reply{}, err
	}
	status := x.form.Get("Status")
	if status != "Active" && status != "Inactive" {
		return reply{}, fail(400, "ValidationError", "1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", status)
	}
	key.active = status == "Active"
	return x.queryReply(nil), nil
}

func deleteAccessKey(x *exchange) (reply, error) {
	key, err := x.iamKey()
	if err != nil {
		return reply{}, err
	}
	delete(x.s.keys, key.ID)
	x.s.minted = append(x.s.minted, key.Secret) // it stays a secret
	return x.queryReply(nil), nil
}

func getAccessKeyLastUsed(x *exchange) (reply, error) {
	if err := x.iamCaller(); err != nil {
		return reply{}, err
	}
	key := x.s.keys[x.form.Get("AccessKeyId")]
	if key == nil || key.principal.user == nil || key.principal.account != x.caller.account {
		return reply{}, fail(403, "AccessDenied", "User: %s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key %s", x.caller.arn, x.form.Get("AccessKeyId"))
	}
	type used struct {
		LastUsedDate        string `xml:",omitempty"`
		ServiceName, Region string
	}
	last := used{ServiceName: "N/A", Region: "N/A"}
	if !key.lastUsed.IsZero() {
		last = used{isoTime(key.lastUsed), key.lastService, key.lastRegion}
	}
	return x.queryReply(struct {
		UserName          string
		AccessKeyLastUsed used
	}{key.principal.user.name, last}), nil
}

func listMFADevices(x *exchange) (reply, error) {
	u, err := x.iamUser()
	if err != nil {
		return reply{}, err
	}
	type item struct{ UserName, SerialNumber, EnableDate string }
	result := struct {
		MFADevices  []item `xml:"MFADevices>member"`
		IsTruncated bool
	}{}
	for _, d := range u.mfa {
		result.MFADevices = append(result.MFADevices, item{u.name, d.serial, isoTime(u.created)})
	}
	return x.queryReply(result), nil
}
