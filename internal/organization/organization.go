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
	client *client
	seen   atomic.Int64
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
func (o *Organization) Seen() int { return int(o.seen.Load()) }

// Accounts lists all accounts, or those below a root or organizational unit at any depth, in the order that AWS has.
func (o *Organization) Accounts(ctx context.Context, unit string) ([]Account, error) {
	if unit != "" {
		return o.below(ctx, unit)
	}
	var all []Account
	err := o.pages(ctx, "ListAccounts", request{}, func(p *page) { all = append(all, p.accounts()...) })
	return all, err
}

// Tags are those of each of the accounts, in their order.
func (o *Organization) Tags(ctx context.Context, accounts []Account) ([]map[string]string, error) {
	tags := make([]map[string]string, len(accounts))
	o.seen.Store(0)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, a := range accounts {
		tags[i] = map[string]string{}
		group.Go(func() error {
			defer o.seen.Add(1)
			return o.pages(ctx, "ListTagsForResource", request{ResourceID: a.ID}, func(p *page) {
				for _, t := range p.Tags {
					tags[i][t.Key] = t.Value
				}
			})
		})
	}
	return tags, group.Wait()
}

// below walks a tree of organizational units, one level at a time.
func (o *Organization) below(ctx context.Context, unit string) ([]Account, error) {
	var all []Account
	for level := []string{unit}; len(level) > 0; {
		accounts, units := make([][]Account, len(level)), make([][]string, len(level))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for i, parent := range level {
			group.Go(func() error {
				return o.pages(ctx, "ListAccountsForParent", request{ParentID: parent}, func(p *page) {
					accounts[i] = append(accounts[i], p.accounts()...)
				})
			})
			group.Go(func() error {
				return o.pages(ctx, "ListOrganizationalUnitsForParent", request{ParentID: parent}, func(p *page) {
					for _, u := range p.OrganizationalUnits {
						units[i] = append(units[i], u.ID)
					}
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

type request struct {
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
	OrganizationalUnits []struct {
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

// pages asks for one page after the other. An empty one needn't be the last.
func (o *Organization) pages(ctx context.Context, operation string, in request, take func(*page)) error {
	for {
		var p page
		if err := o.client.call(ctx, operation, in, &p); err != nil {
			return err
		}
		take(&p)
		o.seen.Add(int64(len(p.Accounts)))
		if p.NextToken == "" {
			return nil
		}
		if p.NextToken == in.NextToken {
			return errors.New("AWS gives the same page again and again")
		}
		in.NextToken = p.NextToken
	}
}

// atOnce bounds the calls that wait for an answer at a time.
const atOnce = 10
