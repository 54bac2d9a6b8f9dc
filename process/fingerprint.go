package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/awsfiles"
)

// fingerprint covers all that shapes a's session: its own fields but those that only describe it or say where it's
// written, the defaults that apply to it, the same of every account its credentials come through, and which access key
// they begin with.
func fingerprint(file *accounts.File, a *accounts.Account) string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, link := range file.Chain(a) {
		shape := *link
		shape.Name = strings.ToLower(shape.Name)
		shape.Description, shape.Region, shape.Profile, shape.Synced = "", "", "", nil
		shape.Duration = accounts.Duration(file.EffectiveDuration(link))
		shape.SessionName = sessionName(link)
		enc.Encode(shape) // a hash takes every write, and every Account can be marshalled
		if link.SSO != nil {
			enc.Encode(file.SSOSession(link.SSO.Session))
		}
		if link.IsBase() {
			enc.Encode(beginsWithKey(link))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// beginsWithKey returns the ID of the long-term key that a base account begins with, as far as that is known without asking
// anybody: after `aws configure` with another user's key the old user's session isn't handed out.
func beginsWithKey(base *accounts.Account) string {
	if beginsInEnvironment(base) {
		return os.Getenv("AWS_ACCESS_KEY_ID")
	}
	profile := base.Way().Profile
	if profile == "" {
		return ""
	}
	files, err := readAWSFiles()
	if err != nil {
		return ""
	}
	p, ok := files.Profile(profile)
	if !ok {
		return ""
	}
	id, _ := p.Get(awsfiles.Go, "aws_access_key_id")
	return id.Value
}
