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
)

// Assigned is a permission set that the person has in an account.
type Assigned struct {
	AccountID, AccountName string
	Role                   string
}

// ListsAtOnce bounds how many accounts are asked about at a time.
const ListsAtOnce = 64

// Assigned lists all that the person has, sorted by account and role: everything, or an error. It signs nobody in, but
// renews the sign-in when that ends meanwhile. seen is told, from several goroutines, how many accounts there are, and each
// time that one of them is done. How fast AWS is asked is for the Config's Retryer.
func (c *Center) Assigned(ctx context.Context, seen func(done, all int)) ([]Assigned, error) {
	b := &bearer{center: c}
	portal := c.portal()
	accounts, err := listAccounts(ctx, b, portal)
	if err != nil {
		return nil, err
	}
	lists := make([][]Assigned, len(accounts))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(ListsAtOnce)
	for i, a := range accounts {
		group.Go(func() error {
			defer func() { seen(int(done.Add(1)), len(accounts)) }()
			return b.use(ctx, func(token string) error {
				roles, err := roles(ctx, portal, token, aws.ToString(a.AccountId))
				lists[i] = nil
				for _, role := range roles {
					lists[i] = append(lists[i], Assigned{aws.ToString(a.AccountId), aws.ToString(a.AccountName), role})
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Assigned) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.Role, b.Role))
	})
	return all, nil
}

// largestPage is the largest that AWS gives.
const largestPage = 100

func listAccounts(ctx context.Context, b *bearer, portal *sso.Client) (all []types.AccountInfo, err error) {
	in := sso.ListAccountsInput{MaxResults: aws.Int32(largestPage)}
	for {
		var out *sso.ListAccountsOutput
		err := b.use(ctx, func(token string) (err error) {
			in.AccessToken = &token
			out, err = portal.ListAccounts(ctx, &in)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, out.AccountList...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
}

func roles(ctx context.Context, portal *sso.Client, token, accountID string) (all []string, err error) {
	in := sso.ListAccountRolesInput{AccessToken: &token, AccountId: &accountID, MaxResults: aws.Int32(largestPage)}
	for {
		out, err := portal.ListAccountRoles(ctx, &in)
		if c := code(err); c == "ForbiddenException" || c == "ResourceNotFoundException" {
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

// bearer is the access token of many calls: read from the keychain once, and renewed once when AWS refuses it.
type bearer struct {
	center *Center
	mu     sync.Mutex
	t      *token
}

// get returns a token that isn't the one refused.
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
		b.center.forget(ctx)
		return b.center.ended()
	}
	return err
}
