package role

import (
	"strings"

	"aws-accounts/process"
)

// explainRole says what AWS has against one call about an account's role.
func explainRole(err error, t *roleTarget) error {
	trusted := func(process.Verdict) string { return strings.Join(t.want.Trust.Principals, ", ") }
	account := func(process.Verdict) string { return t.AccountID }
	action := func(v process.Verdict) string { return "iam:" + v.Action }
	caller := func(v process.Verdict) string {
		if v.Caller == "" {
			return ""
		}
		return v.Caller + " is "
	}
	return process.Explain(err, t.entrance, []process.Row{
		{Codes: process.CodesDenied + " UnauthorizedOperation", Definite: true,
			Says: process.Say("%snot allowed %s%s", caller, action, process.Verdict.Because),
			Next: process.Say("`aws-accounts role policy %s` shows what the bootstrap role needs; "+
				"a service control policy may forbid it too", process.Verdict.Word)},
		{Codes: "MalformedPolicyDocument MalformedPolicyDocumentException", Definite: true,
			Says: process.Say("AWS doesn't accept the trust policy: %s", process.Verdict.AWSSays),
			Next: process.Say("check that whom it trusts exists (--trust): %s", trusted)},
		{Codes: "NoSuchEntity NoSuchEntityException", Definite: true, Says: process.Verdict.AWSSays,
			Next: process.Say("somebody else may be changing it: try again")},
		{Codes: "LimitExceeded LimitExceededException", Definite: true,
			Says: process.Say("one of the account's limits is reached: %s", process.Verdict.AWSSays),
			Next: process.Say("delete what nobody uses there, or ask AWS for more (Service Quotas)")},
		{Codes: "DeleteConflict DeleteConflictException", Definite: true,
			Says: process.Say("something still uses the role: %s", process.Verdict.AWSSays),
			Next: process.Say("take it out of its instance profiles in %s first", account)},
	}...)
}
