package awsfiles

// Outcome is what a reader does about a setting beside a credential_process.
type Outcome string

const (
	Ignores Outcome = ""        // credential_process is used
	Wins    Outcome = "wins"    // credential_process is not used
	OnTop   Outcome = "on top"  // credential_process is used, and a role assumed with what it gave
	Refuses Outcome = "refuses" // an error
)

// Shadow is a setting of a profile that keeps our credential_process from being what counts.
type Shadow struct {
	Found
	Go, Botocore Outcome
}

// shadows: from setFromIniSections and resolveCredsFromProfile of aws-sdk-go-v2/config, and the order of providers in
// botocore/credentials.py (assume role, web identity, SSO, credentials file, login, process, config file).
var shadows = []struct {
	key          string
	go_, boto    Outcome
	botoNeedsKey string // botocore takes notice only with this key present
}{
	{"role_arn", OnTop, Refuses, ""},
	{keySource, Refuses, Wins, "role_arn"},
	{"credential_source", Refuses, Wins, "role_arn"},
	{"web_identity_token_file", Refuses, Wins, ""},
	{"sso_session", Wins, Ignores, ""},
	{"sso_start_url", Wins, Ignores, ""},
	{"sso_region", Wins, Ignores, ""},
	{"sso_account_id", Wins, Wins, ""},
	{"sso_role_name", Wins, Wins, ""},
	{"login_session", Wins, Wins, ""},
}

// Shadows are the settings, in both files, that win over the profile's credential_process or clash with it.
func (p *Profile) Shadows() []Shadow {
	var out []Shadow
	add := func(f Found, g, b Outcome) {
		if f.By&Go == 0 {
			g = Ignores
		}
		if f.By&Botocore == 0 {
			b = Ignores
		}
		if g != Ignores || b != Ignores {
			out = append(out, Shadow{f, g, b})
		}
	}
	chained := false // role_arn has somewhere to begin, so botocore has no complaint about it
	for _, k := range []string{keySource, "credential_source"} {
		_, there := p.Get(Botocore, k)
		chained = chained || there
	}
	for _, sh := range shadows {
		for _, f := range p.all(sh.key) {
			g, b := sh.go_, sh.boto
			if f.Value == "" {
				g = Ignores
			}
			if sh.botoNeedsKey != "" {
				if _, there := p.Get(Botocore, sh.botoNeedsKey); !there {
					b = Ignores
				}
			}
			if sh.key == "role_arn" && chained {
				b = Wins
			}
			add(f, g, b)
		}
	}
	ids, secrets := p.all("aws_access_key_id"), p.all("aws_secret_access_key")
	for _, f := range append(ids, secrets...) {
		g, b := Wins, Wins
		if len(ids) == 0 || len(secrets) == 0 {
			g, b = Refuses, Refuses
		}
		if f.Key == "aws_secret_access_key" && len(ids) == 0 {
			b = Ignores // botocore looks for the id only
		}
		if f.File == Config {
			b = Ignores // keys in the config file come after credential_process
		}
		add(f, g, b)
	}
	for _, f := range p.all(keyProcess) {
		if _, ours := accountOf(f.Value); !ours && f.File == Credentials {
			add(f, Wins, Wins)
		}
	}
	return out
}
