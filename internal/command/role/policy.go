package role

import (
	"context"
	"fmt"
	"io"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// Policy is `aws-accounts role policy NAME… | --all`.
type Policy struct {
	Targets
	Shape
	CloudFormation bool `name:"cloudformation" xor:"form" help:"Write a CloudFormation template, as for a StackSet."`
	Terraform      bool `name:"terraform" xor:"form" help:"Write a Terraform module."`
}

// Run writes what role create would tell AWS. It asks AWS at most which account credentials begin in.
func (c *Policy) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	w, err := newRoleWork(r, io.Discard)
	if err != nil {
		return err
	}
	chosen, err := c.roles(w.file)
	if err != nil {
		return err
	}
	var first role.Want
	var text string
	var arns []string
	for i, a := range chosen {
		want, err := w.want(ctx, &c.Shape, a)
		if err != nil {
			return err
		}
		template, err := c.template(want)
		if err != nil {
			return hint.New(fmt.Errorf("%s: %w", a.Name, err), "name its role otherwise")
		}
		if i == 0 {
			first, text = want, template
		}
		if template != text {
			return hint.New(fmt.Errorf("%s and %s need roles that differ in more than their account", chosen[0].Name, a.Name), "name those together that have the same role, path, trust and duration")
		}
		arns = append(arns, a.RoleARN)
	}
	if c.CloudFormation || c.Terraform {
		_, err := io.WriteString(stdout, text)
		return err
	}
	return tui.JSON(stdout, role.DocumentsFor(first, arns), "  ")
}

func (c *Policy) template(want role.Want) (string, error) {
	if c.Terraform {
		return role.Terraform(want), nil
	}
	if c.CloudFormation {
		return role.CloudFormation(want)
	}
	return want.Trust.Document(), nil
}
