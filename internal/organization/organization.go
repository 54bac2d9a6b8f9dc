// Package organization lists the accounts of an organization of AWS Organizations.
//
// It speaks the service's protocol itself, since the SDK's client for it would make the program half a megabyte larger, and
// its start slower by the tables of 70 calls of which four are needed. Configuration, signature, retries and errors are the
// SDK's.
//
// Invariant: what it returns is the whole list, or an error. It writes nothing anywhere.
package organization

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"golang.org/x/sync/errgroup"
)

// Organization asks about one organization. It is made by New.
type Organization struct {
	client         *client
	listed, walked atomic.Int64 // accounts so far
}

// New returns the organization that the account belongs to whose credentials config has. Its Retryer, one of the SDK's, says
// how fast and how often AWS is asked. region is the one that the service is in: each partition has one.
func New(ctx context.Context, config aws.Config, region string) (*Organization, error) {
	c, err := newClient(ctx, config, region)
	if err != nil {
		return nil, err
	}
	return &Organization{client: c}, nil
}

// Account is one of the organization's.
type Account struct {
	ID    string `json:"Id"`
	ARN   string `json:"Arn"` // arn:PARTITION:organizations::MANAGEMENT:account/ORGANIZATION/ID
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
	in := request{MaxResults: largestPage}
	for n := 1; ; n++ {
		p, err := o.page(ctx, "ListAccounts", &in)
		if err != nil {
			return nil, err
		}
		all = append(all, p.accounts()...)
		o.listed.Store(int64(len(all)))
		if in.NextToken == "" {
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
	err := o.pages(ctx, "ListRoots", request{}, func(p *page) error {
		for _, root := range p.Roots {
			below, err := o.below(ctx, root.ID)
			if err != nil {
				return err
			}
			all = append(all, below...)
		}
		return nil
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
				return o.pages(ctx, "ListAccountsForParent", request{MaxResults: largestPage, ParentID: parent}, func(p *page) error {
					accounts[i] = append(accounts[i], p.accounts()...)
					o.walked.Add(int64(len(p.Accounts)))
					return nil
				})
			})
			group.Go(func() error {
				return o.pages(ctx, "ListOrganizationalUnitsForParent", request{MaxResults: largestPage, ParentID: parent}, func(p *page) error {
					for _, u := range p.OrganizationalUnits {
						units[i] = append(units[i], u.ID)
					}
					return nil
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
			return o.pages(ctx, "ListTagsForResource", request{ResourceID: a.ID}, func(p *page) error {
				for _, t := range p.Tags {
					tags[i][t.Key] = t.Value
				}
				return nil
			})
		})
	}
	return tags, group.Wait()
}

// largestPage is AWS's.
const largestPage = 20

type request struct {
	MaxResults int    `json:",omitempty"` // which tags don't have
	ParentID   string `json:"ParentId,omitempty"`
	ResourceID string `json:"ResourceId,omitempty"`
	NextToken  string `json:",omitempty"`
}

// page is one of any of the lists.
type page struct {
	Accounts []struct {
		Account
		Status string // what State was called until September 2026
	}
	Roots, OrganizationalUnits []struct {
		ID string `json:"Id"`
	}
	Tags      []struct{ Key, Value string }
	NextToken string
}

func (p *page) accounts() []Account {
	list := make([]Account, len(p.Accounts))
	for i, a := range p.Accounts {
		if list[i] = a.Account; a.State == "" {
			list[i].State = a.Status
		}
	}
	return list
}

// page asks for one page, and makes in the request for the next: without a NextToken there is none. An empty page needn't be
// the last.
func (o *Organization) page(ctx context.Context, operation string, in *request) (*page, error) {
	var p page
	if err := o.client.call(ctx, operation, in, &p); err != nil {
		return nil, err
	}
	if p.NextToken != "" && p.NextToken == in.NextToken {
		return nil, errors.New("AWS gives the same page again and again")
	}
	in.NextToken = p.NextToken
	return &p, nil
}

func (o *Organization) pages(ctx context.Context, operation string, in request, take func(*page) error) error {
	for {
		p, err := o.page(ctx, operation, &in)
		if err == nil {
			err = take(p)
		}
		if err != nil || in.NextToken == "" {
			return err
		}
	}
}

// atOnce bounds the calls that wait for an answer at a time.
const atOnce = 10
