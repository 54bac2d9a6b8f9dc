// Package standin is a small AWS for tests and for trying the product out: STS, IAM access keys and roles, S3, Organizations,
// IAM Identity Center (OIDC and portal), console federation, container and instance credentials, all on one listener.
//
// The invariant it keeps: nothing that AWS would refuse is let through. A request is answered only after its Signature Version 4,
// its date, its session token and the world's own rules (trust, external id, MFA, durations) have been checked, so that a
// test that passes here does not pass by leniency. Refusals carry AWS's own codes, statuses and texts.
//
// What AWS keeps to itself is approximated, and marked so at the place: the packed size of policies, the format of tokens.
//
//	aws := standin.Start(t, standin.Config{
//		Accounts: []standin.Account{{ID: "123456789012"}, {ID: "987654321098"}},
//		Users:    []standin.User{{Account: "123456789012", Name: "me"}},
//		Roles:    []standin.Role{{ARN: "arn:aws:iam::987654321098:role/Admin", Trust: standin.Trust{Principals: []string{"123456789012"}}}},
//	})
//	key := aws.Key("me")             // long-term key of the user
//	cmd.Env = append(aws.Env(), …)   // points every SDK at it
//	aws.Calls("AssumeRole")          // how often it was asked
//	aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Throttle, Count: 2})
package standin
