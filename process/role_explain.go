package process

import "strings"

// explainRole says what AWS has against one call about an account's role.
func explainRole(err error, t *roleTarget) error {
	trusted := func(verdict) string { return strings.Join(t.want.Trust.Principals, ", ") }
	account := func(verdict) string { return t.AccountID }
	action := func(v verdict) string { return "iam:" + v.action }
	caller := func(v verdict) string {
		if v.caller == "" {
			return ""
		}
		return v.caller + " is "
	}
	return explain(err, t.entrance, []row{
		{codes: codesDenied + " UnauthorizedOperation", definite: true,
			says: say("%snot allowed %s%s", caller, action, verdict.because),
			next: say("`aws-accounts role policy %s` shows what the bootstrap role needs; "+
				"a service control policy may forbid it too", verdict.word)},
		{codes: "MalformedPolicyDocument MalformedPolicyDocumentException", definite: true,
			says: say("AWS doesn't accept the trust policy: %s", verdict.awsSays),
			next: say("check that whom it trusts exists (--trust): %s", trusted)},
		{codes: "NoSuchEntity NoSuchEntityException", definite: true, says: verdict.awsSays,
			next: say("somebody else may be changing it: try again")},
		{codes: "LimitExceeded LimitExceededException", definite: true,
			says: say("one of the account's limits is reached: %s", verdict.awsSays),
			next: say("delete what nobody uses there, or ask AWS for more (Service Quotas)")},
		{codes: "DeleteConflict DeleteConflictException", definite: true,
			says: say("something still uses the role: %s", verdict.awsSays),
			next: say("take it out of its instance profiles in %s first", account)},
	}...)
}
