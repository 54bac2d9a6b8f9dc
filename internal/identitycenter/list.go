package identitycenter

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sso/types"
	"golang.org/x/sync/errgroup"

	"aws-accounts/internal/awscall"
)

// Assigned is a permission set that the person has in an account.
type Assigned struct {
	AccountID, AccountName string
	Role                   string
}

// ListsAtOnce bounds how many accounts are asked about at a time.
const ListsAtOnce = 64

// Assigned lists all that the person has, sorted by account and role: everything, or an error. It signs nobody in, but
// renews the sign-in when that ends meanwhile. seen is told, from several goroutines, how many accounts there are so far and
// how many of them are done. How fast AWS is asked is for the Config's Retryer.
func (c *Center) Assigned(ctx context.Context, seen func(done, all int)) ([]Assigned, error) {
	b := &bearer{center: c}
	portal := c.portal()
	accounts := make(chan types.AccountInfo, 100*largestPage)
	var found, done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(accounts)
		return listAccounts(ctx, b, portal, func(a types.AccountInfo) error {
			found.Add(1)
			select {
			case accounts <- a:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	var mu sync.Mutex
	var all []Assigned
	for range ListsAtOnce {
		group.Go(func() error {
			for a := range accounts {
				id := aws.ToString(a.AccountId)
				var names []string
				err := b.use(ctx, func(token string) (err error) {
					names, err = roles(ctx, portal, token, id)
					return err
				})
				if err != nil {
					return err
				}
				mu.Lock()
				for _, role := range names {
					all = append(all, Assigned{id, aws.ToString(a.AccountName), role})
				}
				mu.Unlock()
				seen(int(done.Add(1)), int(found.Load()))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Assigned) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.Role, b.Role))
	})
	return all, nil
}

const largestPage = 100

func listAccounts(ctx context.Context, b *bearer, portal *sso.Client, take func(types.AccountInfo) error) error {
	in := sso.ListAccountsInput{MaxResults: aws.Int32(largestPage)}
	for {
		var out *sso.ListAccountsOutput
		err := b.use(ctx, func(token string) (err error) {
			in.AccessToken = &token
			out, err = portal.ListAccounts(ctx, &in)
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range out.AccountList {
			if err := take(a); err != nil {
				return err
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return nil
		}
	}
}

func roles(ctx context.Context, portal *sso.Client, token, accountID string) (all []string, err error) {
	in := sso.ListAccountRolesInput{AccessToken: &token, AccountId: &accountID, MaxResults: aws.Int32(largestPage)}
	for {
		out, err := portal.ListAccountRoles(ctx, &in)
		if c := awscall.Code(err); c == "ForbiddenException" || c == "ResourceNotFoundException" {
			return nil, nil // the last of them was taken away meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, r := range out.RoleList {
			all = append(all, aws.ToString(r.RoleName))
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			slices.Sort(all)
			return all, nil
		}
	}
}

// bearer is the access token of many calls: read from the keychain once, and renewed once when AWS refuses it, as it
// was revoked before its time. Whoever revoked the token alone has left the sign-in.
type bearer struct {
	center *Center
	mu     sync.Mutex
	t      *token
}

func (b *bearer) get(ctx context.Context, refused string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.t == nil || b.t.AccessToken == refused || !b.t.valid(b.center.Now()) {
		t, err := b.center.token(ctx, refused)
		if err != nil {
			return "", err
		}
		b.t = t
	}
	return b.t.AccessToken, nil
}

func (b *bearer) use(ctx context.Context, call func(token string) error) error {
	t, err := b.get(ctx, "")
	if err != nil {
		return err
	}
	if err := call(t); !refusesToken(err) {
		return err
	}
	if t, err = b.get(ctx, t); err != nil {
		return err
	}
	if err = call(t); refusesToken(err) {
		b.center.forgetRefused(ctx, t)
		return b.center.nobody()
	}
	return err
}
