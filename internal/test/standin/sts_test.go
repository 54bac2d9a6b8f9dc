package standin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"aws-accounts/internal/test/standin"
)

func assume(s *standin.Server, client *sts.Client, t *testing.T, role string, change ...func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
	if !strings.HasPrefix(role, "arn:") {
		role = "arn:aws:iam::" + devAccount + ":role/" + role
	}
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("tester")}
	for _, f := range change {
		f(in)
	}
	return client.AssumeRole(bounded(t), in)
}

func TestAssumeRole(t *testing.T) {
	s := standin.Start(t, world())
	me := stsOf(s, "me")
	out, err := assume(s, me, t, adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.AssumedRoleUser.Arn, "arn:aws:sts::987654321098:assumed-role/Admin/tester"; got != want {
		t.Errorf("assumed %s, want %s", got, want)
	}
	c := out.Credentials
	if len(*c.AccessKeyId) != 20 || !strings.HasPrefix(*c.AccessKeyId, "ASIA") || len(*c.SessionToken) != 712 {
		t.Errorf("unlike AWS: id %s, a token of %d", *c.AccessKeyId, len(*c.SessionToken))
	}
	for _, secret := range []string{*c.SecretAccessKey, *c.SessionToken} {
		if !strings.Contains(secret, "MARKSECRET") {
			t.Error("a secret without the marker")
		}
	}
	if left := time.Until(*c.Expiration); left > 2*time.Hour || left < 2*time.Hour-time.Minute {
		t.Errorf("expires in %s, want 2h", left)
	}
	role := sts.NewFromConfig(config(s, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	who, err := role.GetCallerIdentity(bounded(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Account != devAccount || *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("the session is %s %s %s", *who.Account, *who.Arn, *who.UserId)
	}
	info, err := me.GetAccessKeyInfo(bounded(t), &sts.GetAccessKeyInfoInput{AccessKeyId: c.AccessKeyId})
	if err != nil || *info.Account != devAccount {
		t.Errorf("GetAccessKeyInfo: %v", err)
	}
	if n := s.Calls("AssumeRole"); n != 1 {
		t.Errorf("counted %d", n)
	}
	for _, call := range s.Log() {
		if call.Operation == "AssumeRole" && (call.Outcome != "ok" || call.Resource != adminRole || !strings.HasSuffix(call.Principal, ":user/me") || call.UserAgent == "" || call.Region != "eu-west-1") {
			t.Errorf("logged %+v", call)
		}
	}

	s.Advance(2*time.Hour - time.Second)
	s.SetClockOffset(0)
	s.Advance(-10 * time.Minute) // within the skew: nothing to see
	if _, err := role.GetCallerIdentity(bounded(t), nil); err != nil {
		t.Error(err)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	denied := func(action, name string) string {
		return "User: arn:aws:iam::123456789012:user/me is not authorized to perform: " + action + " on resource: arn:aws:iam::987654321098:role/" + name
	}
	type change = func(*sts.AssumeRoleInput)
	tag := func(pairs ...string) (tags []types.Tag) {
		for i := 0; i < len(pairs); i += 2 {
			tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
		}
		return tags
	}
	for name, test := range map[string]struct {
		role          string
		change        change
		code, message string // no code: allowed
	}{
		"external id":           {"External", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret-handshake") }, "", ""},
		"no external id":        {"External", nil, "AccessDenied", denied("sts:AssumeRole", "External")},
		"wrong external id":     {"External", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("no") }, "AccessDenied", denied("sts:AssumeRole", "External")},
		"malformed external id": {"External", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("a b") }, "ValidationError", `1 validation error detected: Value 'a b' at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`},
		"no such role":          {"Absent", nil, "AccessDenied", denied("sts:AssumeRole", "Absent")},
		"nobody":                {"Nobody", nil, "AccessDenied", denied("sts:AssumeRole", "Nobody")},
		"denied":                {"Denied", nil, "AccessDenied", denied("sts:AssumeRole", "Denied") + " with an explicit deny in an identity-based policy"},
		"not a role":            {"arn:aws:iam::987654321098:user/me", nil, "ValidationError", "arn:aws:iam::987654321098:user/me is invalid"},
		"other partition":       {"arn:aws-cn:iam::987654321098:role/Admin", nil, "AccessDenied", ""},
		"too short":             {adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }, "ValidationError", "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		"too long":              {adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) }, "ValidationError", "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		"longer than the role":  {adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7201) }, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"session name": {adminRole, func(in *sts.AssumeRoleInput) {
			in.RoleSessionName, in.DurationSeconds = aws.String("a b"), aws.Int32(1)
		}, "ValidationError", `2 validation errors detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*; Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`},
		"mfa missing": {"MFA", nil, "AccessDenied", denied("sts:AssumeRole", "MFA")},
		"mfa wrong":   {"MFA", func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = aws.String(phone), aws.String("000000") }, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. "},
		"mfa of another": {"MFA", func(in *sts.AssumeRoleInput) {
			in.SerialNumber, in.TokenCode = aws.String(phone+"x"), aws.String("000000")
		}, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user. "},
		"mfa malformed":          {"MFA", func(in *sts.AssumeRoleInput) { in.SerialNumber, in.TokenCode = aws.String(phone), aws.String("12345") }, "ValidationError", "1 validation error detected: Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"},
		"source identity":        {"Identified", func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("someone") }, "", ""},
		"no source identity":     {"Identified", nil, "AccessDenied", denied("sts:AssumeRole", "Identified")},
		"source identity barred": {"NoTags", func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("someone") }, "AccessDenied", denied("sts:SetSourceIdentity", "NoTags")},
		"tags barred":            {"NoTags", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", "core") }, "AccessDenied", denied("sts:TagSession", "NoTags")},
		"tag required":           {"Tagged", nil, "AccessDenied", denied("sts:AssumeRole", "Tagged")},
		"tag given":              {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", "core") }, "", ""},
		"external id with a backslash": {"External", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String(`a\b`) }, "ValidationError",
			`1 validation error detected: Value 'a\b' at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`},
		"tag in any script":  {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", strings.Repeat("é", 256)) }, "", ""},
		"tag value too long": {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", strings.Repeat("é", 257)) }, "ValidationError", ""},
		"tag value not allowed": {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", "a,b") }, "ValidationError",
			`1 validation error detected: Value 'a,b' at 'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`},
		"tag of AWS's own": {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("AWS:team", "x") }, "InvalidParameterValue", ""},
		"policy beyond Latin 1": {adminRole, func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{\"Statement\": [\"\u20ac\"]}") }, "ValidationError",
			"1 validation error detected: Value '{\"Statement\": [\"\u20ac\"]}' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: " + `[\u0009\u000A\u000D\u0020-\u00FF]+`},
		"duplicate tags": {"Tagged", func(in *sts.AssumeRoleInput) { in.Tags = tag("team", "core", "Team", "x") }, "InvalidParameterValue", ""},
		"transitive without tag": {"Tagged", func(in *sts.AssumeRoleInput) {
			in.Tags, in.TransitiveTagKeys = tag("team", "core"), []string{"x"}
		}, "InvalidParameterValue", ""},
		"many tags": {"Tagged", func(in *sts.AssumeRoleInput) {
			in.Tags = tag("team", strings.Repeat("a", 256), "b", strings.Repeat("a", 256), "c", strings.Repeat("a", 256), "d", strings.Repeat("a", 256))
		}, "PackedPolicyTooLarge", "Packed size of session tags consumes 101% of allotted space."},
		"policy":           {adminRole, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[]}`) }, "", ""},
		"malformed policy": {adminRole, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(`{`) }, "MalformedPolicyDocument", ""},
		"large policy": {adminRole, func(in *sts.AssumeRoleInput) {
			in.Policy = aws.String(`{"Statement":["` + strings.Repeat("x", 1900) + `"]}`)
		}, "PackedPolicyTooLarge", ""},
		"policy arn": {adminRole, func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}
		}, "", ""},
		"malformed policy arn": {adminRole, func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:role/ReadOnlyAccess")}}
		}, "ValidationError", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standin.Start(t, world())
			var changes []change
			if test.change != nil {
				changes = append(changes, test.change)
			}
			_, err := assume(s, stsOf(s, "me"), t, test.role, changes...)
			if test.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantCode(t, err, test.code, test.message)
			if n := s.CallsWith("sts:AssumeRole", test.code); n != 1 {
				t.Errorf("%d calls with that outcome", n)
			}
		})
	}
}

func TestChaining(t *testing.T) {
	s := standin.Start(t, world())
	out, err := assume(s, stsOf(s, "me"), t, adminRole, func(in *sts.AssumeRoleInput) {
		in.SourceIdentity = aws.String("person")
		in.Tags, in.TransitiveTagKeys = []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}}, []string{"team"}
	})
	if err != nil {
		t.Fatal(err)
	}
	chained := sts.NewFromConfig(config(s, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
	_, err = assume(s, chained, t, adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) })
	wantCode(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	out, err = assume(s, chained, t, "Tagged") // the transitive tag satisfies it
	if err != nil {
		t.Fatal(err)
	}
	if out.SourceIdentity == nil || *out.SourceIdentity != "person" {
		t.Errorf("source identity %v, want it to stay", out.SourceIdentity)
	}
	_, err = assume(s, chained, t, adminRole, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("other") })
	wantCode(t, err, "AccessDenied", "User: arn:aws:sts::987654321098:assumed-role/Admin/tester is not authorized to perform: sts:SetSourceIdentity on resource: "+adminRole)
	_, err = assume(s, chained, t, adminRole, func(in *sts.AssumeRoleInput) {
		in.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("x")}}
	})
	wantCode(t, err, "InvalidParameterValue", "")
	_, err = chained.GetSessionToken(bounded(t), nil)
	wantCode(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
}

func TestSessionTokenWithMFA(t *testing.T) {
	s := standin.Start(t, world())
	me := stsOf(s, "me")
	code := s.MFACode(phone)
	in := &sts.GetSessionTokenInput{SerialNumber: aws.String(phone), TokenCode: &code, DurationSeconds: aws.Int32(129600)}
	out, err := me.GetSessionToken(bounded(t), in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = me.GetSessionToken(bounded(t), in)
	wantCode(t, err, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	if next := s.MFACode(phone); next == code {
		t.Error("a used code offered again")
	}

	session := sts.NewFromConfig(config(s, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
	who, err := session.GetCallerIdentity(bounded(t), nil)
	if err != nil || *who.Arn != "arn:aws:iam::123456789012:user/me" {
		t.Errorf("%v %v", who, err)
	}
	if _, err := assume(s, session, t, "MFA"); err != nil {
		t.Error(err)
	}
	if _, err := assume(s, session, t, adminRole, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }); err != nil {
		t.Errorf("a user's session isn't chaining: %v", err)
	}
	plain, err := me.GetSessionToken(bounded(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = assume(s, sts.NewFromConfig(config(s, *plain.Credentials.AccessKeyId, *plain.Credentials.SecretAccessKey, *plain.Credentials.SessionToken)), t, "MFA")
	wantCode(t, err, "AccessDenied", "")
	_, err = me.GetSessionToken(bounded(t), &sts.GetSessionTokenInput{SerialNumber: aws.String(phone)})
	wantCode(t, err, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ")
}

func TestWebIdentity(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := world()
	cfg.Clock = manual(at)
	cfg.WebIdentities = []standin.WebIdentity{
		{Token: "good-token", Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com", Subject: "repo:x", Expires: at.Add(time.Hour)},
		{Token: "else-token", Issuer: "https://ci.example.com", Audience: "sts.amazonaws.com", Subject: "repo:y"},
	}
	role := "arn:aws:iam::987654321098:role/CI"
	cfg.Roles = append(cfg.Roles, standin.Role{ARN: role, Trust: standin.Trust{WebIdentity: &standin.WebIdentityTrust{Subject: "repo:x"}}})
	s := standin.Start(t, cfg)
	client := sts.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(s.URL()), Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
	ask := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return client.AssumeRoleWithWebIdentity(bounded(t), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("ci"), WebIdentityToken: &token})
	}
	out, err := ask("good-token")
	if err != nil {
		t.Fatal(err)
	}
	if *out.SubjectFromWebIdentityToken != "repo:x" || *out.AssumedRoleUser.Arn != "arn:aws:sts::987654321098:assumed-role/CI/ci" {
		t.Errorf("%v %v", *out.SubjectFromWebIdentityToken, *out.AssumedRoleUser.Arn)
	}
	_, err = ask("else-token")
	wantCode(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = ask("no-token")
	wantCode(t, err, "InvalidIdentityToken", "")
	s.Advance(time.Hour)
	_, err = ask("good-token")
	wantCode(t, err, "ExpiredTokenException", "")
}

func TestDisabledRegion(t *testing.T) {
	s := standin.Start(t, world())
	cfg := userConfig(s, "me")
	cfg.Region = "af-south-1"
	me := sts.NewFromConfig(cfg)
	if _, err := me.GetCallerIdentity(bounded(t), nil); err != nil {
		t.Errorf("GetCallerIdentity works everywhere: %v", err) // aws/aws-sdk-go-v2#2846
	}
	_, err := assume(s, me, t, adminRole)
	wantCode(t, err, "RegionDisabledException", "STS is not activated in this region for account:123456789012. Your account administrator can activate STS in this region using the IAM Console.")
}

func TestPartitions(t *testing.T) {
	s := standin.Start(t, standin.Config{
		Accounts: []standin.Account{{ID: mainAccount, Partition: "aws-us-gov"}},
		Users:    []standin.User{{Account: mainAccount, Name: "me"}},
		Roles:    []standin.Role{{ARN: "arn:aws-us-gov:iam::123456789012:role/x", Trust: standin.Trust{Principals: []string{"arn:aws-us-gov:iam::123456789012:root"}}}},
	})
	_, err := stsOf(s, "me").GetCallerIdentity(bounded(t), nil)
	wantCode(t, err, "InvalidClientTokenId", "")
	cfg := userConfig(s, "me")
	cfg.Region = "us-gov-west-1"
	out, err := assume(s, sts.NewFromConfig(cfg), t, "arn:aws-us-gov:iam::123456789012:role/x")
	if err != nil || *out.AssumedRoleUser.Arn != "arn:aws-us-gov:sts::123456789012:assumed-role/x/tester" {
		t.Errorf("%v %v", out, err)
	}
}

// AWS names the kind of the policy that denies, and what is denied may be another action than the one called.
func TestDenials(t *testing.T) {
	s := standin.Start(t, world())
	me := stsOf(s, "me")
	const denied = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: "
	identify := func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("me") }
	label := func(in *sts.AssumeRoleInput) {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("core")}}
	}
	for _, c := range []struct {
		denial standin.Denial
		change func(*sts.AssumeRoleInput)
		says   string
	}{
		{standin.Denial{Action: "sts:AssumeRole", Explicit: true}, nil, "sts:AssumeRole on resource: " + adminRole +
			" with an explicit deny in an identity-based policy"},
		{standin.Denial{Action: "sts:AssumeRole", Explicit: true, Policy: "service control policy",
			PolicyARN: "arn:aws:organizations::1:policy/o-1/p-1"}, nil,
			"sts:AssumeRole on resource: " + adminRole +
				" with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1"},
		{standin.Denial{Action: "sts:AssumeRole", Policy: "permissions boundary"}, nil,
			"sts:AssumeRole on resource: " + adminRole + " because no permissions boundary allows the sts:AssumeRole action"},
		{standin.Denial{Action: "sts:AssumeRole"}, nil, "sts:AssumeRole on resource: " + adminRole},
		{standin.Denial{Action: "sts:TagSession"}, label, "sts:TagSession on resource: " + adminRole +
			" because no identity-based policy allows the sts:TagSession action"},
		{standin.Denial{Action: "sts:SetSourceIdentity", Explicit: true}, identify,
			"sts:SetSourceIdentity on resource: " + adminRole + " with an explicit deny in an identity-based policy"},
	} {
		c.denial.Principal = "*"
		s.SetDenials(c.denial)
		var changes []func(*sts.AssumeRoleInput)
		if c.change != nil {
			changes = append(changes, c.change)
		}
		_, err := assume(s, me, t, adminRole, changes...)
		wantCode(t, err, "AccessDenied", denied+c.says)
	}
}
