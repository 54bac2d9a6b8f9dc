package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/cache/item"
)

// fingerprint covers all that shapes a's session: its own fields but those that only describe it or say where it's
// written, the defaults that apply to it, the same of every account its credentials come through, and where they
// begin.
func fingerprint(file *accounts.File, a *accounts.Account) string {
	return fingerprintWith(file, a, readAWSFiles)
}

func fingerprintWith(file *accounts.File, a *accounts.Account, aws func() (*awsFiles, error)) string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, link := range a.Chain() {
		shape := *link
		shape.Name = strings.ToLower(shape.Name)
		shape.Description, shape.Region, shape.Profile, shape.Synced = "", "", "", nil
		shape.Duration = accounts.Duration(link.EffectiveDuration())
		shape.SessionName = sessionName(link)
		enc.Encode(shape) // a hash takes every write, and every Account can be marshalled
		if link.SSO != nil {
			enc.Encode(link.SSOSession())
		}
		if link.IsBase() {
			enc.Encode(beginningOf(link, aws))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// HandedOut returns what tells whether a stored session is of the files as they are now, so that it is still handed out. It
// computes a fingerprint only where the session's stamp leaves that open.
func HandedOut(reader *accounts.Reader) func(*item.Session) bool {
	stamp := version.WithAWSFiles(reader.Stamp(), time.Now())
	aws := sync.OnceValues(readAWSFiles)
	return func(s *item.Session) bool {
		if stamp != "" && s.Stamp == stamp {
			return true
		}
		file, err := reader.File()
		if err != nil { // then it can't be told
			return true
		}
		a, err := file.Find(s.Account)
		return err == nil && s.Fingerprint == fingerprintWith(file, a, aws)
	}
}

// beginningOf is where a base account's credentials come from, as far as that is known without asking anybody: after `aws
// configure` with another user's key, or with another role in the profile, the old session isn't handed out.
func beginningOf(base *accounts.Account, aws func() (*awsFiles, error)) []string {
	if beginsInEnvironment(base) {
		return []string{userEnv("AWS_ACCESS_KEY_ID")}
	}
	profile := base.Way().Profile
	if profile == "" {
		return nil
	}
	files, err := aws()
	if err != nil {
		return nil
	}
	origin := files.Origin(profile)
	if slices.Contains(origin, sourceEnvironment) {
		origin = append(origin, userEnv("AWS_ACCESS_KEY_ID"))
	}
	return origin
}

// sourceEnvironment has a role of a profile be assumed with the environment's credentials.
const sourceEnvironment = "credential_source = Environment"

// changesUnseen reports whether base's credentials can be others without any file being changed.
func changesUnseen(base *accounts.Account, aws func() (*awsFiles, error)) bool {
	return beginsInEnvironment(base) || slices.Contains(beginningOf(base, aws), sourceEnvironment)
}
