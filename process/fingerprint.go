package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"aws-accounts/accounts"
)

// fingerprint covers all that shapes a's session: its own fields but those that only describe it or say where it's
// written, the defaults that apply to it, the same of every account its credentials come through, and where they
// begin.
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
			enc.Encode(beginningOf(link))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// beginningOf is where a base account's credentials come from, as far as that is known without asking anybody: after `aws
// configure` with another user's key, or with another role in the profile, the old session isn't handed out.
func beginningOf(base *accounts.Account) []string {
	if beginsInEnvironment(base) {
		return []string{userEnv("AWS_ACCESS_KEY_ID")}
	}
	profile := base.Way().Profile
	if profile == "" {
		return nil
	}
	files, err := readAWSFiles()
	if err != nil {
		return nil
	}
	return files.Origin(profile)
}
