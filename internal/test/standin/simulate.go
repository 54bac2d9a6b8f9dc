package standin

// simulatePrincipalPolicy answers for one action and one resource, by the denials: whatever isn't denied is allowed.
func simulatePrincipalPolicy(x *exchange) (reply, error) {
	if err := x.iamCaller(); err != nil {
		return reply{}, err
	}
	if err := x.authorize("iam:SimulatePrincipalPolicy", x.form.Get("PolicySourceArn")); err != nil {
		return reply{}, err
	}
	source, action, resource := x.form.Get("PolicySourceArn"), x.form.Get("ActionNames.member.1"), x.form.Get("ResourceArns.member.1")
	if source != x.caller.arn && source != x.caller.roleARN {
		return reply{}, fail(404, "NoSuchEntity", "The principal %s cannot be found.", source)
	}
	decision := "allowed"
	for _, d := range x.s.denials {
		if x.caller.is(d.Principal) && matches(d.Action, action) && (d.Resource == "" || matches(d.Resource, resource)) {
			decision = "implicitDeny"
			if d.Explicit {
				decision = "explicitDeny"
			}
			break
		}
	}
	type member struct{ EvalActionName, EvalResourceName, EvalDecision string }
	type results struct {
		Member member `xml:"member"`
	}
	return x.queryReply(struct{ EvaluationResults results }{results{member{action, resource, decision}}}), nil
}
