package standin_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

func TestKeyRotation(t *testing.T) {
	cfg := world()
	cfg.NewKeyDelayCalls = 2
	s := standin.Start(t, cfg)
	old := s.Key("me")
	client := iam.NewFromConfig(userConfig(s, "me"))
	made, err := client.CreateAccessKey(bounded(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateAccessKey(bounded(t), nil)
	wantCode(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")

	fresh := config(s, *made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "")
	for range 2 {
		_, err := sts.NewFromConfig(fresh).GetCallerIdentity(bounded(t), nil)
		wantCode(t, err, "InvalidClientTokenId", "")
	}
	if _, err := sts.NewFromConfig(fresh).GetCallerIdentity(bounded(t), nil); err != nil {
		t.Fatal(err)
	}
	client = iam.NewFromConfig(fresh)
	if _, err := client.UpdateAccessKey(bounded(t), &iam.UpdateAccessKeyInput{AccessKeyId: &old.ID, Status: types.StatusTypeInactive}); err != nil {
		t.Fatal(err)
	}
	_, err = sts.NewFromConfig(config(s, old.ID, old.Secret, "")).GetCallerIdentity(bounded(t), nil)
	wantCode(t, err, "InvalidClientTokenId", "")
	listed, err := client.ListAccessKeys(bounded(t), nil)
	if err != nil || len(listed.AccessKeyMetadata) != 2 || listed.AccessKeyMetadata[0].Status != types.StatusTypeInactive {
		t.Errorf("%+v %v", listed, err)
	}
	used, err := client.GetAccessKeyLastUsed(bounded(t), &iam.GetAccessKeyLastUsedInput{AccessKeyId: made.AccessKey.AccessKeyId})
	if err != nil || *used.UserName != "me" || *used.AccessKeyLastUsed.ServiceName != "iam" {
		t.Errorf("%+v %v", used, err)
	}
	if _, err := client.DeleteAccessKey(bounded(t), &iam.DeleteAccessKeyInput{AccessKeyId: &old.ID, UserName: aws.String("me")}); err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteAccessKey(bounded(t), &iam.DeleteAccessKeyInput{AccessKeyId: &old.ID})
	wantCode(t, err, "NoSuchEntity", "The Access Key with id "+old.ID+" cannot be found.")
	user, err := client.GetUser(bounded(t), nil)
	if err != nil || *user.User.Arn != "arn:aws:iam::123456789012:user/me" {
		t.Errorf("%+v %v", user, err)
	}
	devices, err := client.ListMFADevices(bounded(t), nil)
	if err != nil || len(devices.MFADevices) != 1 || *devices.MFADevices[0].SerialNumber != phone {
		t.Errorf("%+v %v", devices, err)
	}
	_, err = client.GetUser(bounded(t), &iam.GetUserInput{UserName: aws.String("stranger")})
	wantCode(t, err, "NoSuchEntity", "The user with name stranger cannot be found.")
}

func TestIAMNeedsMFA(t *testing.T) {
	s := standin.Start(t, world())
	me := stsOf(s, "me")
	get := func(in *sts.GetSessionTokenInput) error {
		out, err := me.GetSessionToken(bounded(t), in)
		if err != nil {
			t.Fatal(err)
		}
		_, err = iam.NewFromConfig(config(s, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)).GetUser(bounded(t), nil)
		return err
	}
	wantCode(t, get(nil), "InvalidClientTokenId", "The security token included in the request is invalid")
	if err := get(&sts.GetSessionTokenInput{SerialNumber: aws.String(phone), TokenCode: aws.String(s.MFACode(phone))}); err != nil {
		t.Error(err)
	}
	s.SetDenials(standin.Denial{Principal: "*", Action: "iam:CreateAccessKey"})
	_, err := iam.NewFromConfig(userConfig(s, "me")).CreateAccessKey(bounded(t), nil)
	wantCode(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/me is not authorized to perform: iam:CreateAccessKey on resource: user me because no identity-based policy allows the iam:CreateAccessKey action")
}

func TestRoleMaking(t *testing.T) {
	s := standin.Start(t, world())
	client := iam.NewFromConfig(userConfig(s, "stranger"))
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"xyz"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
	made, err := client.CreateRole(bounded(t), &iam.CreateRoleInput{RoleName: aws.String("Made"), Path: aws.String("/a/"), AssumeRolePolicyDocument: &trust, MaxSessionDuration: aws.Int32(7200),
		Tags: []types.Tag{{Key: aws.String("by"), Value: aws.String("test")}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateRole(bounded(t), &iam.CreateRoleInput{RoleName: aws.String("Made"), AssumeRolePolicyDocument: &trust})
	wantCode(t, err, "EntityAlreadyExists", "Role with name Made already exists.")
	_, err = client.CreateRole(bounded(t), &iam.CreateRoleInput{RoleName: aws.String("Bad"), AssumeRolePolicyDocument: aws.String("{")})
	wantCode(t, err, "MalformedPolicyDocument", "")

	_, err = assume(s, stsOf(s, "me"), t, *made.Role.Arn, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("xyz") })
	wantCode(t, err, "AccessDenied", "")
	if _, err := assume(s, stsOf(s, "me"), t, *made.Role.Arn, func(in *sts.AssumeRoleInput) {
		in.ExternalId, in.SerialNumber, in.TokenCode = aws.String("xyz"), aws.String(phone), aws.String(s.MFACode(phone))
	}); err != nil {
		t.Error(err)
	}
	open := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`
	_, err = client.UpdateAssumeRolePolicy(bounded(t), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("Made"), PolicyDocument: &open})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := assume(s, stsOf(s, "me"), t, *made.Role.Arn); err != nil {
		t.Error(err)
	}
	if _, err := client.AttachRolePolicy(bounded(t), &iam.AttachRolePolicyInput{RoleName: aws.String("Made"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutRolePolicy(bounded(t), &iam.PutRolePolicyInput{RoleName: aws.String("Made"), PolicyName: aws.String("p"), PolicyDocument: &open}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetRole(bounded(t), &iam.GetRoleInput{RoleName: aws.String("Made")})
	if err != nil || *got.Role.MaxSessionDuration != 7200 || *got.Role.Path != "/a/" || len(got.Role.Tags) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := client.GetRole(bounded(t), &iam.GetRoleInput{RoleName: aws.String("External")}); err != nil {
		t.Errorf("a declared role: %+v %v", got, err)
	}
	attached, err := client.ListAttachedRolePolicies(bounded(t), &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("Made")})
	if err != nil || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "ReadOnlyAccess" {
		t.Errorf("%+v %v", attached, err)
	}
	_, err = client.DeleteRole(bounded(t), &iam.DeleteRoleInput{RoleName: aws.String("Made")})
	wantCode(t, err, "DeleteConflict", "")
}
