package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"

	"aws-accounts/accounts"
)

// fingerprint covers all that shapes a's session: its own fields but those that only describe it or say where it's
// written, the defaults that apply to it, and the same of every account its credentials come through.
func fingerprint(file *accounts.File, a *accounts.Account) string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, link := range file.Chain(a) {
		shape := *link
		shape.Name = strings.ToLower(shape.Name)
		shape.Description, shape.Region, shape.Profile = "", "", ""
		shape.Duration = accounts.Duration(file.EffectiveDuration(link))
		shape.SessionName = sessionName(link)
		enc.Encode(shape) // a hash takes every write, and every Account can be marshalled
		if link.SSO != nil {
			enc.Encode(file.SSOSession(link.SSO.Session))
		}
		if link.IsBase() && beginsInEnvironment(link) {
			enc.Encode(os.Getenv("AWS_ACCESS_KEY_ID"))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
