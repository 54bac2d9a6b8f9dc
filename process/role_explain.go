package process

import (
	"errors"
	"fmt"
	"strings"

	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
)

// explainRole says what AWS has against one call about an account's role.
func explainRole(err error, file *accounts.File, t *roleTarget) error {
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return explain(err, t.entrance)
	}
	refused := &refusal{Code: api.ErrorCode(), RequestID: requestID(err), definite: true}
	action := "IAM"
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		action = "iam:" + op.Operation()
	}
	switch refused.Code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		refused.message = fmt.Sprintf("%s: not allowed %s", t.Name, action)
		if who := principal.FindString(api.ErrorMessage()); who != "" {
			refused.message = fmt.Sprintf("%s: %s is not allowed %s", t.Name, who, action)
		}
		return hint.New(refused, "`aws-accounts role policy %s` shows what the bootstrap role needs; a service control policy may forbid it too", t.Name)
	case "MalformedPolicyDocument", "MalformedPolicyDocumentException":
		refused.message = fmt.Sprintf("%s: AWS doesn't accept the trust policy: %s", t.Name, plain(err))
		return hint.New(refused, "check that whom it trusts exists (--trust): %s", strings.Join(t.want.Trust.Principals, ", "))
	case "NoSuchEntity", "NoSuchEntityException":
		refused.message = fmt.Sprintf("%s: %s", t.Name, plain(err))
		return hint.New(refused, "somebody else may be changing it: try again")
	case "LimitExceeded", "LimitExceededException":
		refused.message = fmt.Sprintf("%s: one of the account's limits is reached: %s", t.Name, plain(err))
		return hint.New(refused, "delete what nobody uses there, or ask AWS for more (Service Quotas)")
	case "DeleteConflict", "DeleteConflictException":
		refused.message = fmt.Sprintf("%s: something still uses the role: %s", t.Name, plain(err))
		return hint.New(refused, "take it out of its instance profiles in %s first", t.AccountID)
	}
	return explain(err, t.entrance)
}
