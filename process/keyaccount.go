package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/note"
)

// accountOf returns the AWS account that credentials belong to. Of a long-term key AWS is asked once: a key never changes its
// account, and an account with `"session": "none"` would have to ask for every call.
func (r *Resolver) accountOf(ctx context.Context, client *Client, credentials aws.Credentials) (string, error) {
	if credentials.AccountID != "" {
		return credentials.AccountID, nil
	}
	name := ""
	if credentials.SessionToken == "" {
		sum := sha256.Sum256([]byte(credentials.AccessKeyID))
		name = "key-" + hex.EncodeToString(sum[:8]) + ".json"
		var known string
		if note.Read(r.Sessions.Dir, name, &known) && known != "" {
			return known, nil
		}
	}
	identity, err := client.Whoami(ctx)
	if err == nil && name != "" {
		note.Write(r.Sessions.Dir, name, identity.AccountID)
	}
	return identity.AccountID, err
}
