// Package organization lists the accounts of an organization of AWS Organizations.
//
// Invariant: what it returns is the whole list, or an error. It writes nothing anywhere.
package organization

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"golang.org/x/sync/errgroup"
)

// Organization asks about one organization. It is made by New.
type Organization struct {
	client         *organizations.Client
	listed, walked atomic.Int64 // accounts so far
}

// New returns the organization that the account belongs to whose credentials config has. Its Retryer says how fast and how
// often AWS is asked. Each partition has the service in one region; config's may be any other of the partition.
func New(config aws.Config) *Organization {
	return &Organization{client: organizations.NewFromConfig(config)}
}

// Account is one of the organization's.
type Account struct {
	ID    string
	ARN   string // arn:PARTITION:organizations::MANAGEMENT:account/ORGANIZATION/ID
	Name  string
	State string // ACTIVE, SUSPENDED, PENDING_CLOSURE, …
}

// Place takes the account's ARN apart: where the organization is, who manages it, and its id.
func (a *Account) Place() (partition, management, organization string) {
	parts, err := arn.Parse(a.ARN)
	if err != nil {
		return "", "", ""
	}
	_, rest, _ := strings.Cut(parts.Resource, "/")
	organization, _, _ = strings.Cut(rest, "/")
	return parts.Partition, parts.AccountID, organization
}

// Seen is how many accounts have been listed so far. It may be asked for while Accounts and Tags run.
func (o *Organization) Seen() int { return int(max(o.listed.Load(), o.walked.Load())) }

// manyPages is when an organization is large enough to be walked.
const manyPages = 10

// Accounts lists all accounts. AWS gives 20 of them at a time, and a page names the next one, so that thousands take long.
// Therefore a large organization is also walked by its units, many pages at a time, and whichever way is through first
// counts. On a walk an account can be missed that is moved meanwhile: it doesn't count if it lacks one of those that the
// other way has seen, or one of known, by their IDs.
func (o *Organization) Accounts(ctx context.Context, known []string) ([]Account, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	walked := make(chan []Account, 1)
	var all []Account
	var token *string
	for n := 1; ; n++ {
		page, err := o.client.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: largestPage, NextToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, converted(page.Accounts)...)
		o.listed.Store(int64(len(all)))
		if token, err = following(token, page.NextToken); err != nil {
			return nil, err
		}
		if token == nil {
			return all, nil
		}
		if n == manyPages {
			go func() {
				if found, err := o.walk(ctx); err == nil {
					walked <- found
				}
			}()
		}
		select {
		case found := <-walked:
			if hasAll(found, known, all) {
				return found, nil
			}
		default:
		}
	}
}

func hasAll(found []Account, known []string, seen []Account) bool {
	has := make(map[string]bool, len(found))
	for _, a := range found {
		has[a.ID] = true
	}
	return !slices.ContainsFunc(known, func(id string) bool { return !has[id] }) &&
		!slices.ContainsFunc(seen, func(a Account) bool { return !has[a.ID] })
}

func (o *Organization) walk(ctx context.Context) ([]Account, error) {
	var all []Account
	err := pages(func(token *string) (*string, error) {
		page, err := o.client.ListRoots(ctx, &organizations.ListRootsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, root := range page.Roots {
			below, err := o.below(ctx, aws.ToString(root.Id))
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		}
		return page.NextToken, nil
	})
	return all, err
}

// Below lists the accounts below a root or organizational unit at any depth. If it lacks one of known, by their IDs, it looks
// again: who was moved from one unit below to another meanwhile isn't gone.
func (o *Organization) Below(ctx context.Context, unit string, known []string) ([]Account, error) {
	all, err := o.below(ctx, unit)
	if err != nil || hasAll(all, known, nil) {
		return all, err
	}
	again, err := o.below(ctx, unit)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(append(all, again...), func(a Account) bool {
		twice := seen[a.ID]
		seen[a.ID] = true
		return twice
	}), nil
}

// below goes one level at a time.
func (o *Organization) below(ctx context.Context, unit string) ([]Account, error) {
	var all []Account
	for level := []string{unit}; len(level) > 0; {
		accounts, units := make([][]Account, len(level)), make([][]string, len(level))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for i, parent := range level {
			group.Go(func() error {
				return pages(func(token *string) (*string, error) {
					page, err := o.client.ListAccountsForParent(ctx,
						&organizations.ListAccountsForParentInput{ParentId: &parent, MaxResults: largestPage, NextToken: token})
					if err != nil {
						return nil, err
					}
					accounts[i] = append(accounts[i], converted(page.Accounts)...)
					o.walked.Add(int64(len(page.Accounts)))
					return page.NextToken, nil
				})
			})
			group.Go(func() error {
				return pages(func(token *string) (*string, error) {
					page, err := o.client.ListOrganizationalUnitsForParent(ctx,
						&organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent, MaxResults: largestPage, NextToken: token})
					if err != nil {
						return nil, err
					}
					for _, u := range page.OrganizationalUnits {
						units[i] = append(units[i], aws.ToString(u.Id))
					}
					return page.NextToken, nil
				})
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		all, level = append(all, slices.Concat(accounts...)...), slices.Concat(units...)
	}
	return all, nil
}

// Tags are those of each of the accounts, in their order.
func (o *Organization) Tags(ctx context.Context, accounts []Account) ([]map[string]string, error) {
	tags := make([]map[string]string, len(accounts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, a := range accounts {
		tags[i] = map[string]string{}
		group.Go(func() error {
			return pages(func(token *string) (*string, error) {
				page, err := o.client.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &a.ID, NextToken: token})
				if err != nil {
					return nil, err
				}
				for _, t := range page.Tags {
					tags[i][aws.ToString(t.Key)] = aws.ToString(t.Value)
				}
				return page.NextToken, nil
			})
		})
	}
	return tags, group.Wait()
}

// largestPage is AWS's.
var largestPage = aws.Int32(20)

func converted(page []types.Account) []Account {
	list := make([]Account, len(page))
	for i, a := range page {
		list[i] = Account{ID: aws.ToString(a.Id), ARN: aws.ToString(a.Arn), Name: aws.ToString(a.Name),
			State: cmp.Or(string(a.State), string(a.Status))} // Status is what it was called until September 2026
	}
	return list
}

// pages asks for one page after the other. ask returns the token of the next one.
func pages(ask func(token *string) (next *string, err error)) error {
	for token := (*string)(nil); ; {
		next, err := ask(token)
		if err != nil {
			return err
		}
		if token, err = following(token, next); err != nil || token == nil {
			return err
		}
	}
}

// following is the token of the page behind that of token, nil behind the last. An empty page needn't be the last. The SDK's
// paginators would end at a token that comes again, or never.
func following(token, next *string) (*string, error) {
	if aws.ToString(next) == "" {
		return nil, nil
	}
	if token != nil && *token == *next {
		return nil, errors.New("AWS gives the same page again and again")
	}
	return next, nil
}

const atOnce = 10
