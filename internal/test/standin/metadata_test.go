package standin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

func TestInstanceAndContainer(t *testing.T) {
	cfg := world()
	cfg.Instance = &standin.Instance{Role: adminRole}
	cfg.Container = &standin.Container{Role: adminRole}
	s := standin.Start(t, cfg)
	env := map[string]string{}
	for _, line := range append(s.ContainerEnv(), s.InstanceEnv()...) {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	providers := map[string]aws.CredentialsProvider{
		"instance": ec2rolecreds.New(func(o *ec2rolecreds.Options) {
			o.Client = imds.New(imds.Options{Endpoint: env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], ClientEnableState: imds.ClientEnabled})
		}),
		"container": endpointcreds.New(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], func(o *endpointcreds.Options) {
			o.AuthorizationToken = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
		}),
	}
	for name, provider := range providers {
		c, err := provider.Retrieve(bounded(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		who, err := sts.NewFromConfig(config(s, c.AccessKeyID, c.SecretAccessKey, c.SessionToken)).GetCallerIdentity(bounded(t), nil)
		if err != nil || *who.Account != devAccount {
			t.Errorf("%s: %v %v", name, who, err)
		}
	}
	for _, path := range []string{"/container/credentials", "/latest/meta-data/iam/security-credentials/"} {
		answer, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 401 {
			t.Errorf("%s without a token: %d", path, answer.StatusCode)
		}
	}
}

// TestEnv goes through the SDK's own configuration with nothing but Env and a key.
func TestEnv(t *testing.T) {
	s := standin.Start(t, world())
	for _, line := range append(s.Env(), s.KeyEnv("me")...) {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	cfg, err := awsconfig.LoadDefaultConfig(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(bounded(t), nil); err != nil {
		t.Error(err)
	}
}

func TestFederation(t *testing.T) {
	s := standin.Start(t, world())
	ask := func(query url.Values) (int, string) {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Get(s.URL() + "/federation?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body struct{ SigninToken string }
		json.NewDecoder(answer.Body).Decode(&body)
		return answer.StatusCode, body.SigninToken
	}
	session := func(id, secret, token string) string {
		out, _ := json.Marshal(map[string]string{"sessionId": id, "sessionKey": secret, "sessionToken": token})
		return string(out)
	}
	good := session(s.Issue(adminRole, "tester"))
	status, token := ask(url.Values{"Action": {"getSigninToken"}, "Session": {good}, "SessionDuration": {"3600"}})
	if status != 200 || len(token) < 300 {
		t.Fatalf("%d, a token of %d", status, len(token))
	}
	if status, _ := ask(url.Values{"Action": {"login"}, "SigninToken": {token}, "Destination": {"https://console.aws.amazon.com/"}}); status != 302 {
		t.Errorf("login: %d", status)
	}
	id, secret, _ := s.Issue(adminRole, "tester")
	out, err := stsOf(s, "me").GetSessionToken(bounded(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]url.Values{
		"wrong token":      {"Action": {"getSigninToken"}, "Session": {session(id, secret, "x")}},
		"a user's session": {"Action": {"getSigninToken"}, "Session": {session(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)}},
		"long":             {"Action": {"getSigninToken"}, "Session": {good}, "SessionDuration": {"43201"}},
		"no action":        {},
		"forged login":     {"Action": {"login"}, "SigninToken": {"x"}, "Destination": {"https://console.aws.amazon.com/"}},
	} {
		if status, _ := ask(query); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
}

func TestOrganizations(t *testing.T) {
	cfg := world()
	cfg.Organization = &standin.Organization{ManagementAccount: mainAccount, PageSize: 2, Members: []standin.OrgMember{
		{ID: mainAccount, Name: "main"}, {ID: devAccount, Name: "dev", Tags: map[string]string{"team": "core"}}, {ID: "555555555555", Name: "old", Status: "SUSPENDED", Parent: "ou-1"},
	}, Units: []standin.OrgUnit{{ID: "ou-1", Name: "old"}}}
	s := standin.Start(t, cfg)
	client := organizations.NewFromConfig(userConfig(s, "me"))
	n := 0
	pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Accounts)
	}
	if calls := s.Calls("organizations:ListAccounts"); n != 3 || calls != 2 {
		t.Errorf("%d accounts in %d calls", n, calls)
	}
	children, err := client.ListAccountsForParent(bounded(t), &organizations.ListAccountsForParentInput{ParentId: aws.String("ou-1")})
	if err != nil || len(children.Accounts) != 0 || children.NextToken == nil {
		t.Errorf("the first page is empty, and not the last: %+v %v", children, err)
	}
	tags, err := client.ListTagsForResource(bounded(t), &organizations.ListTagsForResourceInput{ResourceId: aws.String(devAccount)})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("%+v %v", tags, err)
	}
	_, err = client.ListAccounts(bounded(t), &organizations.ListAccountsInput{MaxResults: aws.Int32(21)})
	wantCode(t, err, "InvalidInputException", "")
	o, err := client.DescribeOrganization(bounded(t), nil)
	if err != nil || *o.Organization.MasterAccountId != mainAccount {
		t.Errorf("%+v %v", o, err)
	}
	_, err = organizations.NewFromConfig(userConfig(s, "stranger")).ListAccounts(bounded(t), nil)
	wantCode(t, err, "AccessDeniedException", "You don't have permissions to access this resource.")
}
