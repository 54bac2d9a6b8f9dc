package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// holders are all who have one access key on this machine besides the account whose key is rotated.
type holders struct {
	twins  []*accounts.Account // that begin with the same key in the keychain: they are given the new one
	others []string            // where the key is written down, which would stop to work
}

// holdersOf looks for them. What can't be read has none: a rotation must not depend on it.
func holdersOf(ctx context.Context, r *process.Resolver, a *accounts.Account, id string) (h holders) {
	for other := range a.File().All() {
		if other == a || !other.Way().Keychain {
			continue
		}
		if keys, err := r.Sessions.Keychain.LoadKeys(ctx, other.Name); err == nil && keys.Current.ID == id {
			h.twins = append(h.twins, other)
		}
	}
	if files, err := dotaws.ReadAll(); err == nil {
		for _, name := range files.Names() {
			p, _ := files.Profile(name)
			if found, ok := p.Get(awsfiles.Both, "aws_access_key_id"); ok && found.Value == id {
				h.others = append(h.others, fmt.Sprintf("profile %s (%s, line %d)", name, found.File, found.Line))
			}
		}
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == id {
		h.others = append(h.others, "the environment of this shell (AWS_ACCESS_KEY_ID)")
	}
	return h
}

// mayStop asks whether those may stop to work who hold the key outside of the keychain.
func (h holders) mayStop(ctx context.Context, r *process.Resolver, a *accounts.Account, id string, yes bool) error {
	if len(h.others) == 0 || yes {
		return nil
	}
	where := strings.Join(h.others, ", ")
	it := "it stops"
	if len(h.others) > 1 {
		it = "they stop"
	}
	question := fmt.Sprintf("%s is in %s, too: %s to work when the key is deleted. Rotate all the same?", id, where, it)
	ok, err := r.MFA.Asker.Confirm(ctx, question, false)
	if err == nil && ok {
		return nil
	}
	next := fmt.Sprintf("--yes rotates all the same; `aws-accounts keys rotate %s --keep-old` leaves the old key at AWS until you run it again", hint.Word(a.Name))
	if err == nil {
		return hint.New(errors.New("nothing was rotated"), "%s", next)
	}
	return hint.New(fmt.Errorf("%s: %s is in %s, too, and would stop to work there", a.Name, id, where), "%s", next)
}

// pass gives the key in use to the other accounts that still hold the old one, and says so.
func (t *rotation) pass(ctx context.Context, old string) error {
	for _, twin := range holdersOf(ctx, t.Resolver, t.account, old).twins {
		keys, err := t.Sessions.Keychain.LoadKeys(ctx, twin.Name)
		if err != nil {
			return process.ExplainItem(err, twin)
		}
		changed := *keys
		changed.Current, changed.Rotation = t.keys.Current, (*cache.Rotation)(nil)
		if err := t.Sessions.Keychain.StoreKeys(ctx, &changed); err != nil {
			return fmt.Errorf("%s: storing its access keys: %w", twin.Name, err)
		}
		t.say("%s begins with the same key, and has %s now, too", tui.Quote(twin.Name), t.keys.Current.ID)
	}
	return nil
}
