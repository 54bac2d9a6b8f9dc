package accounts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestProblems has every message, with its place. They are part of the product: each says what is wrong, and what would be
// right.
func TestProblems(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"empty", ` 
`, []string{
			`1:1: the file is empty: the least is {"accounts": []}`,
		}},
		{"utf-16", "\xff\xfe{", []string{
			`1:1: the file is in UTF-16: save it as UTF-8`,
		}},
		{"not utf-8", "{\"accounts\": [\xe9]}", []string{
			`1:15: this is not UTF-8: save the file as UTF-8`,
		}},
		{"missing comma", `{
  "accounts": [
    {"name": "a"
     "account_id": "1"}]}`, []string{
			`4:6: a "," or "}" is missing before this`,
		}},
		{"missing comma in list", `{"accounts": [{} {}]}`, []string{
			`1:18: a "," or "]" is missing before this`,
		}},
		{"two commas", `{"accounts": [{},,]}`, []string{
			`1:18: one comma too many`,
		}},
		{"two commas in object", `{"accounts": [],, }`, []string{
			`1:17: one comma too many`,
		}},
		{"no colon", `{"accounts" []}`, []string{
			`1:13: a ":" is missing here, between a field and its value`,
		}},
		{"no value", `{"accounts": }`, []string{
			`1:14: a value is missing here`,
		}},
		{"no name", `{5: []}`, []string{
			`1:2: a field's name is missing here, in double quotes`,
		}},
		{"single quotes", `{'accounts': []}`, []string{
			`1:2: ' is no quotation mark in JSON: write "`,
		}},
		{"typographic quotes", `{“accounts”: []}`, []string{
			`1:2: “ is no quotation mark in JSON: write "`,
		}},
		{"bare name", `{accounts: []}`, []string{
			`1:2: a field's name needs double quotes`,
		}},
		{"bare word", `{"accounts": [{"name": secret}]}`, []string{
			`1:24: this is not a JSON value: a string needs double quotes`,
		}},
		{"python word", `{"accounts": None, "x": True}`, []string{
			`1:14: this is not a JSON value: a string needs double quotes`,
		}},
		{"upper-case true", `{"accounts": [{"credentials": {"keychain": True}}]}`, []string{
			`1:44: in JSON this is written true`,
		}},
		{"leading zero", `{"accounts": [{"account_id": 012345678901}]}`, []string{
			`1:30: a number can't begin with 0: if it is an account ID, write it in quotes, "012345678901"`,
		}},
		{"open string", `{"accounts": [{"name": "main,
"account_id": "1"}]}`, []string{
			`1:24: this string has no closing " on its line`,
		}},
		{"open at the end", `{"accounts": [{"name": "ma`, []string{
			`1:27: the file ends inside a string: a closing " is missing`,
		}},
		{"open bracket", `{"accounts": [{"name": "a"}`, []string{
			`1:28: the file ends too early: a closing } or ] is missing`,
		}},
		{"windows path", `{"accounts": [{"name": "a", "mfa_process": "C:\Program Files\x"}]}`, []string{
			`1:47: a backslash in a string is written \\`,
		}},
		{"bad escape", `{"accounts": [{"name": "\u12"}]}`, []string{
			`1:25: \u takes four hexadecimal digits; a backslash itself is written \\`,
		}},
		{"raw tab", `{"accounts": [{"name": "a	b"}]}`, []string{
			`1:26: a control character in a string is written \u0009`,
		}},
		{"trailing", `{"accounts": []} {"accounts": []}`, []string{
			`1:18: nothing can follow the end of the file's object`,
		}},
		{"open comment", `{"accounts": [] /* }`, []string{
			`1:17: this comment has no end, or characters that don't belong in it`,
		}},
		{"not an object", `[{"name": "a"}]`, []string{
			`1:1: the file must be an object, not a list: {"accounts": [...]}`,
		}},
		{"deep", strings.Repeat("[", 101), []string{
			`1:101: brackets within brackets, more than 100 deep`,
		}},
		{"nothing in it", `{}`, []string{
			`1:1: "accounts" is missing: the least is {"accounts": []}`,
		}},
		{"unknown field", `{"accounts": [{"name": "dev", "role_arm": "x"}]}`, []string{
			`1:31: unknown field "role_arm": did you mean "role_arn"?`,
		}},
		{"unknown field in camel case", `{"accounts": [{"name": "dev", "roleArn": "x"}]}`, []string{
			`1:31: unknown field "roleArn": did you mean "role_arn"?`,
		}},
		{"unknown field from the AWS config", `{"accounts": [{"name": "dev", "source_profile": "x"}]}`, []string{
			`1:31: unknown field "source_profile": did you mean "source"?`,
		}},
		{"unknown field that belongs elsewhere", `{"accounts": [{"name": "dev", "role_name": "x", "profile_prefix": "x", "backend": "x"}]}`, []string{
			`1:31: unknown field "role_name": it belongs in "sso"`,
			`1:49: unknown field "profile_prefix": it belongs in "defaults"`,
			`1:72: unknown field "backend": it belongs in "keychain"`,
		}},
		{"unknown field at the top", `{"accounts": [], "region": "eu-west-1", "acounts": 1}`, []string{
			`1:18: unknown field "region": it belongs in "defaults" or an account or one of "sso_sessions"`,
			`1:41: unknown field "acounts": did you mean "accounts"?`,
		}},
		{"unknown field without a likeness", `{"accounts": [{"name": "dev", "colour": "x"}]}`, []string{
			`1:31: unknown field "colour": there is no such field in an account`,
		}},
		{"unknown field in a small object", `{"accounts": [], "keychain": {"backend": "file", "colour": "x"}}`, []string{
			`1:50: unknown field "colour": the fields of "keychain" are backend, passphrase_command`,
		}},
		{"keys in the file", `{"accounts": [{"name": "dev", "secret_access_key": "verysecret"}]}`, []string{
			"1:31: unknown field \"secret_access_key\": keys have no place in a file; `aws-accounts keys add` puts them into the keychain",
		}},
		{"duplicate field", `{"accounts": [
  {"name": "a",
   "name": "b"}]}`, []string{
			`3:4: duplicate field "name": it is set in line 2 already`,
		}},
		{"wrong types", `{"keychain": [], "defaults": "x", "accounts": {}, "sso_sessions": null}`, []string{
			`1:14: "keychain" must be an object, not a list`,
			`1:30: "defaults" must be an object, not a string`,
			`1:47: "accounts" must be a list, not an object`,
			`1:67: "sso_sessions" must be a list, not null: leave it out`,
		}},
		{"wrong types in an account", `{"accounts": [{"name": 5, "account_id": 123456789012, "role_arn": true, "session_tags": [], "policy_arns": "x", "credentials": "default", "source": null, "transitive_tag_keys": [1]}]}`, []string{
			`1:24: "name" must be a string, not a number: write it in quotes, "5"`,
			`1:41: "account_id" must be a string, not a number: write it in quotes, "123456789012"`,
			`1:67: "role_arn" must be a string, not true`,
			`1:89: "session_tags" must be an object, not a list`,
			`1:108: "policy_arns" must be a list, not a string`,
			`1:128: "credentials" must be an object, not a string`,
			`1:149: "source" must be a string, not null: leave it out`,
			`1:179: each of "transitive_tag_keys" must be a string, not a number: write it in quotes, "1"`,
		}},
		{"wrong types in credentials", `{"accounts": [{"name": "b", "credentials": {"keychain": "true"}}]}`, []string{
			`1:57: "keychain" must be true or false, not a string: write it without quotes`,
		}},
		{"account is no object", `{"accounts": ["dev", 1]}`, []string{
			`1:15: each of "accounts" must be an object, not a string`,
			`1:22: each of "accounts" must be an object, not a number`,
		}},
		{"empty strings", `{"accounts": [{"name": "", "account_id": "", "role_arn": "", "description": ""}]}`, []string{
			`1:24: "name" is empty: give it a value, or leave it out`,
			`1:42: "account_id" is empty: give it a value, or leave it out`,
			`1:58: "role_arn" is empty: give it a value, or leave it out`,
		}},
		{"control characters", `{"accounts": [{"name": "a\u001b[31m", "mfa_process": "a\nb"}]}`, []string{
			`1:24: name "a\x1b[31m" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "a-31m" would do`,
			`1:54: "mfa_process" has a control character in it (U+000A)`,
		}},
		{"hostile name", `{"accounts": [{"name": "\u001b]0;x\u0007\u202eevil\u2028", "\u001b[2J": 1}]}`, []string{
			`1:24: name "\x1b]0;x\a\u202eevil\u2028" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "0-x-evil" would do`,
			`1:60: unknown field "\x1b[2J": there is no such field in an account`,
		}},
		{"long name", `{"accounts": [{"name": "` + strings.Repeat("n", 200) + `"}]}`, []string{
			`1:24: name "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"… is too long: 64 characters at most`,
		}},
		{"columns are characters", `{"accounts": [{"description": "Zürich 日本", "nam": "x", "name": "z"}]}`, []string{
			`1:44: unknown field "nam": did you mean "name"?`,
		}},
		{"no account name", `{"accounts": [{"account_id": "111111111111"}]}`, []string{
			`1:15: the account has no "name"`,
		}},
		{"blank in the name", `{"accounts": [{"name": "my account (dev)"}]}`, []string{
			`1:24: name "my account (dev)" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "my-account-dev" would do`,
		}},
		{"name begins with a dash", `{"accounts": [{"name": "-dev"}]}`, []string{
			`1:24: name "-dev" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "dev" would do`,
		}},
		{"duplicate name", `{"accounts": [
{"name": "dev"},
{"name": "dev"},
{"name": "DEV"}]}`, []string{
			`3:10: duplicate name "dev": the account in line 2 has it already`,
			`4:10: duplicate name "DEV": the account in line 2 has it already: case doesn't make two names differ`,
		}},
		{"account_id", `{"accounts": [{"name": "b", "account_id": "12345"}]}`, []string{
			`1:43: account_id "12345" is not 12 digits, like "123456789012"`,
		}},
		{"account_id and role", `{"accounts": [{"name": "r", "account_id": "222222222222", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`, []string{
			`1:43: "account_id" is 222222222222, but "role_arn" says 111111111111: one of them is wrong`,
		}},
		{"account_id and web identity", `{"accounts": [{"name": "b", "account_id": "222222222222", "credentials": {"web_identity_token_file": "/t", "role_arn": "arn:aws:iam::111111111111:role/R"}}]}`, []string{
			`1:43: "account_id" is 222222222222, but "role_arn" says 111111111111: one of them is wrong`,
		}},
		{"role_arn: role by name", `{"accounts": [{"name": "r", "role_arn": "Admin"}]}`, []string{
			`1:41: role_arn "Admin" is not the ARN of a role, like "arn:aws:iam::123456789012:role/Admin"`,
		}},
		{"role_arn: session", `{"accounts": [{"name": "r", "role_arn": "arn:aws:sts::111111111111:assumed-role/Admin/me"}]}`, []string{
			`1:41: "role_arn" is the ARN of a session: the role's is like "arn:aws:iam::111111111111:role/Admin"`,
		}},
		{"role_arn: user", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:user/me"}]}`, []string{
			`1:41: "role_arn" is the ARN of a "user", not of a role, like "arn:aws:iam::123456789012:role/NAME"`,
		}},
		{"role_arn: garbage", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::1:role/x"}]}`, []string{
			`1:41: role_arn "arn:aws:iam::1:role/x" is not the ARN of a role, like "arn:aws:iam::123456789012:role/NAME"`,
		}},
		{"role_arn: region in it", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam:eu-west-1:111111111111:role/x"}]}`, []string{
			`1:41: role_arn "arn:aws:iam:eu-west-1:111111111111:role/x" is not the ARN of a role, like "arn:aws:iam::123456789012:role/NAME"`,
		}},
		{"role_arn: partition", `{"accounts": [{"name": "r", "role_arn": "arn:ams:iam::111111111111:role/x"}]}`, []string{
			`1:41: role_arn "arn:ams:iam::111111111111:role/x" is not the ARN of a role, like "arn:aws:iam::123456789012:role/NAME"`,
		}},
		{"role_arn: no name", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/"}]}`, []string{
			`1:41: role_arn "arn:aws:iam::111111111111:role/" is not the ARN of a role, like "arn:aws:iam::123456789012:role/NAME"`,
		}},
		{"source unknown", `{"accounts": [{"name": "main"}, {"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "source": "mian"}]}`, []string{
			`1:105: no account "mian" to be the source: did you mean "main"?`,
		}},
		{"source unknown without a likeness", `{"accounts": [{"name": "main"}, {"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "source": "elsewhere"}]}`, []string{
			`1:105: no account "elsewhere" to be the source: a base account is "main"`,
		}},
		{"source needed", `{"accounts": [{"name": "a"}, {"name": "b"},
 {"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`, []string{
			`2:2: account "r" needs a "source", since there is more than one base account: "a", "b"`,
		}},
		{"cycle", `{"accounts": [{"name": "a", "source": "b", "role_arn": "arn:aws:iam::111111111111:role/R"}, {"name": "b", "source": "c", "role_arn": "arn:aws:iam::111111111111:role/R"}, {"name": "c", "source": "a", "role_arn": "arn:aws:iam::111111111111:role/R"}, {"name": "d", "source": "a", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`, []string{
			`1:39: the sources go in a circle, a → b → c → a: one of them must begin at a base account`,
		}},
		{"cycle of one", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "source": "r"}]}`, []string{
			`1:87: the sources go in a circle, r → r: one of them must begin at a base account`,
		}},
		{"partitions", `{"accounts": [{"name": "a", "role_arn": "arn:aws:iam::111111111111:role/R"}, {"name": "b", "source": "a", "role_arn": "arn:aws-cn:iam::111111111111:role/R"}]}`, []string{
			`1:102: the source "a" is in partition aws, but the role is in aws-cn: sessions don't pass from one to another`,
		}},
		{"region of another partition", `{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "a", "role_arn": "arn:aws-cn:iam::111111111111:role/R"}, {"name": "b", "region": "cn-north-1", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`, []string{
			`1:52: region "eu-west-1" is in partition aws, but the role is in aws-cn: give this account a "region" of its own`,
			`1:142: region "cn-north-1" is in partition aws-cn, but the role is in aws`,
		}},
		{"role and sso", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "sso": {"session": "corp", "role_name": "X"}}], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`, []string{
			`1:84: "sso" and "role_arn" exclude each other: a role assumed from Identity Center is an account of its own, with the other as its "source"`,
		}},
		{"base fields of a role", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "credentials": {"keychain": true}, "session": "none"}]}`, []string{
			`1:92: "credentials" belongs to a base account, and this one has "role_arn": give them to its source`,
			`1:123: "session" belongs to a base account, and this one has "role_arn"`,
		}},
		{"role fields of a base", `{"accounts": [{"name": "b", "source": "b", "external_id": "xx", "session_name": "xx", "source_identity": "xx", "session_tags": {"a": "b"}, "transitive_tag_keys": ["a"], "policy": {}, "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}]}`, []string{
			`1:39: "source" belongs to an account with "role_arn", and this one has none`,
			`1:59: "external_id" belongs to an account with "role_arn", and this one has none`,
			`1:81: "session_name" belongs to an account with "role_arn", and this one has none`,
			`1:106: "source_identity" belongs to an account with "role_arn", and this one has none`,
			`1:128: "session_tags" belongs to an account with "role_arn", and this one has none`,
			`1:163: "transitive_tag_keys" belongs to an account with "role_arn", and this one has none`,
			`1:180: "policy" belongs to an account with "role_arn", and this one has none`,
			`1:199: "policy_arns" belongs to an account with "role_arn", and this one has none`,
		}},
		{"fields without use with sso", `{"accounts": [{"name": "s", "account_id": "111111111111", "sso": {"session": "corp", "role_name": "X"}, "source": "s", "duration": "1h", "mfa_serial": "GAHT12345678", "external_id": "xx"}], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`, []string{
			`1:115: "source" has no use with "sso": its sign-in is where it begins`,
			`1:132: "duration" is decided by the permission set: leave it out`,
			`1:152: "mfa_serial" has no use with "sso": Identity Center asks for MFA itself`,
			`1:183: "external_id" belongs to an account with "role_arn", and this one has "sso"`,
		}},
		{"long-term fields of an instance", `{"accounts": [{"name": "b", "credentials": {"instance": true}, "session": "none", "mfa_serial": "GAHT12345678", "duration": 3600}]}`, []string{
			`1:75: "session" is for long-term keys, and these credentials are temporary`,
			`1:97: "mfa_serial" is for long-term keys, and these credentials are temporary`,
			`1:125: "duration" has no use with "instance", which decides itself`,
		}},
		{"duration without a session", `{"accounts": [{"name": "b", "session": "none", "duration": "1h"}]}`, []string{
			`1:60: "duration" has no use with "session": "none"`,
		}},
		{"credentials: none", `{"accounts": [{"name": "b", "credentials": {}}]}`, []string{
			`1:44: "credentials" needs one of "profile", "keychain", "environment", "web_identity_token_file" or "instance"`,
		}},
		{"credentials: two", `{"accounts": [{"name": "b", "credentials": {"profile": "x", "keychain": true}}]}`, []string{
			`1:73: "credentials" has both "profile" and "keychain": they begin in one way only`,
		}},
		{"credentials: false", `{"accounts": [{"name": "b", "credentials": {"profile": "x", "keychain": false}}]}`, []string{
			`1:73: "keychain": false says nothing: leave it out`,
		}},
		{"credentials: empty profile", `{"accounts": [{"name": "b", "credentials": {"profile": ""}}]}`, []string{
			`1:56: "profile" is empty: give it a value, or leave it out`,
		}},
		{"credentials: token without role", `{"accounts": [{"name": "b", "credentials": {"web_identity_token_file": "/t"}}]}`, []string{
			`1:44: "web_identity_token_file" needs a "role_arn" beside it: the role that the token is for`,
		}},
		{"credentials: role without token", `{"accounts": [{"name": "b", "credentials": {"profile": "x", "role_arn": "arn:aws:iam::111111111111:role/R"}}]}`, []string{
			`1:73: "role_arn" in "credentials" is for "web_identity_token_file": a role of its own is an account with "role_arn"`,
		}},
		{"session", `{"accounts": [{"name": "b", "session": "temporary"}]}`, []string{
			`1:40: session "temporary" can be "token" (a session, the keys stay in the keychain) or "none" (the keys as they are)`,
		}},
		{"mfa_serial: short", `{"accounts": [{"name": "b", "mfa_serial": "123"}]}`, []string{
			`1:43: "mfa_serial" must have 9 to 256 characters, not 3`,
		}},
		{"mfa_serial: user", `{"accounts": [{"name": "b", "mfa_serial": "arn:aws:iam::111111111111:user/team/me"}]}`, []string{
			`1:43: "mfa_serial" is the ARN of a user: that of its device is like "arn:aws:iam::111111111111:mfa/me"`,
		}},
		{"mfa_serial: security key", `{"accounts": [{"name": "b", "mfa_serial": "arn:aws:iam::111111111111:u2f/user/me/x"}]}`, []string{
			`1:43: "mfa_serial" is a security key (u2f), which AWS takes in the console only: name a device that shows codes`,
		}},
		{"mfa_serial: other ARN", `{"accounts": [{"name": "b", "mfa_serial": "arn:aws:iam::111111111111:role/me"}]}`, []string{
			`1:43: mfa_serial "arn:aws:iam::111111111111:role/me" is neither the ARN of a device, like "arn:aws:iam::123456789012:mfa/me", nor a serial number`,
		}},
		{"mfa_serial: blank", `{"accounts": [{"name": "b", "mfa_serial": "GAHT 12345678"}]}`, []string{
			`1:43: "mfa_serial" has " " in it: it takes letters, digits and _ + = / : , . @ -`,
		}},
		{"mfa_serial: other account", `{"accounts": [{"name": "main", "account_id": "111111111111", "mfa_serial": "arn:aws:iam::222222222222:mfa/me"}, {"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "mfa_serial": "arn:aws:iam::222222222222:mfa/me"}]}`, []string{
			`1:76: "mfa_serial" is in account 222222222222, but "account_id" says 111111111111: a device is in the account of its user`,
			`1:189: "mfa_serial" is in account 222222222222, but the source "main" is in 111111111111: a device is in the account of its user`,
		}},
		{"mfa_serial: chained", `{"accounts": [{"name": "a", "role_arn": "arn:aws:iam::111111111111:role/R"}, {"name": "b", "source": "a", "role_arn": "arn:aws:iam::111111111111:role/R", "mfa_serial": "GAHT12345678"}]}`, []string{
			`1:169: "mfa_serial" is of no use here, since "a" is no user: give it to the base account that the chain begins at`,
		}},
		{"mfa_process alone", `{"accounts": [{"name": "b", "mfa_process": "ykman oath"}]}`, []string{
			`1:44: "mfa_process" has no use without "mfa_serial": name the device that the codes are of`,
		}},
		{"duration: short", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "10m"}]}`, []string{
			`1:89: duration "10m" is out of range: 15m is the least, 12h the most`,
		}},
		{"duration: long", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "13h"}]}`, []string{
			`1:89: duration "13h" is out of range: 15m is the least, 12h the most`,
		}},
		{"duration: seconds", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": 899}]}`, []string{
			`1:89: duration "899" is out of range: 15m is the least, 12h the most`,
		}},
		{"duration: huge", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": 1e99}]}`, []string{
			`1:89: duration "1e99" is not a duration: write one like "1h30m", or seconds`,
		}},
		{"duration: huge digits", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": 99999999999999999999}]}`, []string{
			`1:89: duration "99999999999999999999" is out of range: 15m is the least, 12h the most`,
		}},
		{"duration: fraction of seconds", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": 1800.5}]}`, []string{
			`1:89: duration "1800.5" is not a duration: write one like "1h30m", or seconds`,
		}},
		{"duration: negative", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": -3600}]}`, []string{
			`1:89: duration "-3600" is out of range: 15m is the least, 12h the most`,
		}},
		{"duration: unit", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "1d"}]}`, []string{
			`1:89: duration "1d" is not a duration: write one like "1h30m", or seconds`,
		}},
		{"duration: words", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "an hour"}]}`, []string{
			`1:89: duration "an hour" is not a duration: write one like "1h30m", or seconds`,
		}},
		{"duration: millisecond", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "1h0m0.5s"}]}`, []string{
			`1:89: duration "1h0m0.5s" is not in whole seconds`,
		}},
		{"duration: list", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": [1]}]}`, []string{
			`1:89: "duration" must be a duration like "1h30m" or a number of seconds, not a list`,
		}},
		{"duration: default", `{"defaults": {"duration": "1m"}, "accounts": []}`, []string{
			`1:27: duration "1m" is out of range: 15m is the least, 12h the most`,
		}},
		{"external_id", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "external_id": "a"}]}`, []string{
			`1:92: "external_id" must have 2 to 1224 characters, not 1`,
		}},
		{"external_id: characters", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "external_id": "secret value"}]}`, []string{
			`1:92: "external_id" has " " in it: it takes letters, digits and _ + = , . @ : / -`,
		}},
		{"session_name", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "session_name": "me and you"}]}`, []string{
			`1:93: "session_name" has " " in it: it takes letters, digits and _ + = , . @ -`,
		}},
		{"source_identity", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "source_identity": "x"}]}`, []string{
			`1:96: "source_identity" must have 2 to 64 characters, not 1`,
		}},
		{"tags", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "session_tags": {"team": "core", "Team": "x", "aws:x": "", "": "", "a*": "b*"}, "transitive_tag_keys": ["tema", "team", "TEAM", "other"]}]}`, []string{
			`1:110: tag "Team" is also called "team": case doesn't make two tags differ`,
			`1:123: tag "aws:x" begins with aws:, which AWS keeps for itself`,
			`1:136: the key of a tag must have 1 to 128 characters, not 0`,
			`1:144: the key of a tag has "*" in it: it takes letters, digits, blanks and _ . : / = + - @`,
			`1:150: the value of a tag has "*" in it: it takes letters, digits, blanks and _ . : / = + - @`,
			`1:181: "tema" in "transitive_tag_keys" is not one of the "session_tags": did you mean "Team"?`,
			`1:189: "transitive_tag_keys" names "team", and the tag is called "Team": STS takes them for two`,
			`1:197: "transitive_tag_keys" names "TEAM" twice`,
			`1:205: "other" in "transitive_tag_keys" is not one of the "session_tags": only those can be passed on`,
		}},
		{"tags: duplicate", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "session_tags": {"team": "a", "team": "b"}}]}`, []string{
			`1:107: duplicate key "team" in "session_tags": it is set in line 1 already`,
		}},
		{"tags: types", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "session_tags": {"team": 5}}]}`, []string{
			`1:102: each of "session_tags" must be a string, not a number: write it in quotes, "5"`,
		}},
		{"tags: too many", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "session_tags": {` + numbered(`"k%d": "v"`, 51) + `}}]}`, []string{
			`1:93: "session_tags" has 51 tags: 50 at most`,
		}},
		{"policy: string", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy": "no"}]}`, []string{
			`1:87: "policy" is a string that holds no JSON object: write the policy as an object, without the quotes`,
		}},
		{"policy: list in a string", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy": "[]"}]}`, []string{
			`1:87: "policy" is a string that holds no JSON object: write the policy as an object, without the quotes`,
		}},
		{"policy: number", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy": 5}]}`, []string{
			`1:87: "policy" must be an object (the policy document), or a string that holds one, not a number`,
		}},
		{"policy: duplicate", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy": {"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}}]}`, []string{
			`1:121: duplicate field "Effect" in "policy"`,
		}},
		{"policy: too long", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy": {"x": "` + strings.Repeat("é", 2041) + `"}}]}`, []string{
			`1:87: "policy" has 2049 characters without its white space: 2048 at most`,
		}},
		{"policy_arns", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy_arns": ["ReadOnlyAccess", "arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/A", "arn:aws:iam::222222222222:policy/B"]}]}`, []string{
			`1:93: "ReadOnlyAccess" is not the ARN of a policy, like "arn:aws:iam::aws:policy/ReadOnlyAccess"`,
			`1:140: "policy_arns" names "arn:aws:iam::aws:policy/A" twice`,
			`1:169: "arn:aws:iam::222222222222:policy/B" is in account 222222222222: the policies of a session must be in the role's, 111111111111`,
		}},
		{"policy_arns: too many", `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", "policy_arns": [` + numbered(`"arn:aws:iam::aws:policy/P%d"`, 11) + `]}]}`, []string{
			`1:92: "policy_arns" has 11 policies: 10 at most`,
		}},
		{"region", `{"accounts": [{"name": "b", "region": "Ireland"}]}`, []string{
			`1:39: region "Ireland" is not shaped like "eu-west-1"`,
		}},
		{"default region", `{"defaults": {"region": "eu-west"}, "accounts": []}`, []string{
			`1:25: region "eu-west" is not shaped like "eu-west-1"`,
		}},
		{"profile: bracket", `{"accounts": [{"name": "b", "profile": "a]b"}]}`, []string{
			`1:40: profile "a]b" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"profile: blank", `{"accounts": [{"name": "b", "profile": "a b"}]}`, []string{
			`1:40: profile "a b" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"profile: newline", `{"accounts": [{"name": "b", "profile": "a\nb"}]}`, []string{
			`1:40: profile "a\nb" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"profile: shell syntax", `{"accounts": [{"name": "a", "profile": "a%b"}, {"name": "b", "profile": "dev!"}, {"name": "c", "profile": "büro"}, {"name": "d", "profile": "~d"}]}`, []string{
			`1:40: profile "a%b" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`, `1:73: profile "dev!" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`, `1:107: profile "büro" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`, `1:141: profile "~d" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"profile: dash", `{"accounts": [{"name": "b", "profile": "-a"}]}`, []string{
			`1:40: profile "-a" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"profile: taken", `{"defaults": {"profile_prefix": "x-"}, "accounts": [{"name": "a", "profile": "x-b"}, {"name": "b"}, {"name": "c", "profile": "x-b"}]}`, []string{
			`1:78: profile "x-b" is that of account "b" already: give one of them another "profile"`,
			`1:126: profile "x-b" is that of account "a" already: give one of them another "profile"`,
		}},
		{"profile_prefix", `{"defaults": {"profile_prefix": "a b"}, "accounts": []}`, []string{
			`1:33: profile_prefix "a b" must be letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /`,
		}},
		{"sso: unknown session", `{"accounts": [{"name": "s", "account_id": "111111111111", "sso": {"session": "crop", "role_name": "X"}}], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`, []string{
			`1:78: no SSO session "crop": did you mean "corp"?`,
		}},
		{"sso: no such session", `{"accounts": [{"name": "s", "account_id": "111111111111", "sso": {"session": "other", "role_name": "X"}}], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`, []string{
			`1:78: no SSO session "other": "sso_sessions" has "corp"`,
		}},
		{"sso: no sessions", `{"accounts": [{"name": "s", "account_id": "111111111111", "sso": {"session": "corp", "role_name": "X"}}]}`, []string{
			`1:78: no SSO session "corp": describe it in "sso_sessions", with name, start_url and region`,
		}},
		{"sso: incomplete", `{"accounts": [{"name": "s", "sso": {}}], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`, []string{
			`1:15: an account with "sso" needs an "account_id", 12 digits`,
			`1:36: "sso" has no "session": name one of "sso_sessions"`,
			`1:36: "sso" has no "role_name": name the permission set, like "ReadOnly"`,
		}},
		{"sso_sessions", `{"accounts": [], "sso_sessions": [{}, {"name": "a b", "start_url": "http://corp.awsapps.com/start", "region": "x", "registration_scopes": ["a b"]}, {"name": "c", "start_url": "https://c", "region": "eu-west-1"}, {"name": "C", "start_url": "http://127.0.0.1:8080/", "region": "eu-west-1"}]}`, []string{
			`1:35: the SSO session has no "name"`,
			`1:35: the SSO session has no "start_url": it is shown in the AWS access portal, like "https://corp.awsapps.com/start"`,
			`1:35: the SSO session has no "region": name the one that Identity Center is in`,
			`1:48: name "a b" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "a-b" would do`,
			`1:68: start_url "http://corp.awsapps.com/start" is not an https URL, like "https://corp.awsapps.com/start"`,
			`1:111: region "x" is not shaped like "eu-west-1"`,
			`1:140: scope "a b" has a character that scopes don't have: "sso:account:access" is one`,
			`1:222: duplicate name "C": the SSO session in line 1 has it already: case doesn't make two names differ`,
		}},
		{"keychain: misspelt", `{"accounts": [], "keychain": {"backend": "secretservice"}}`, []string{
			`1:42: unknown backend "secretservice": did you mean "secret-service"?`,
		}},
		{"keychain: unknown", `{"accounts": [], "keychain": {"backend": "vault"}}`, []string{
			`1:42: unknown backend "vault": it can be secret-service, kwallet, keyctl, pass, file, keychain, wincred`,
		}},
		{"keychain: empty", `{"accounts": [], "keychain": {}}`, []string{
			`1:30: "keychain" has no "backend": name one of secret-service, kwallet, keyctl, pass, file, keychain, wincred`,
		}},
		{"keychain: passphrase_command", `{"accounts": [], "keychain": {"backend": "pass", "passphrase_command": "x"}}`, []string{
			`1:72: "passphrase_command" is for the backend "file": "pass" asks by itself`,
		}},
		{"a slip doesn't cascade", `{"accounts": [{"name": "main"}, {"name": "dev", "role_arm": "x", "source": "main", "external_id": "xx"}, {"name": "prod", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`, []string{
			`1:49: unknown field "role_arm": did you mean "role_arn"?`,
		}},
		{"all at once", `{
  "acounts": [],
  "accounts": [
    {"name": "x y", "region": "nowhere", "regoin": "x"},
    {"name": "r", "role_arn": "x", "duration": 1}
  ]
}`, []string{
			`2:3: unknown field "acounts": did you mean "accounts"?`,
			`4:14: name "x y" must be letters, digits and . _ @ + - only, and begin with a letter or digit: "x-y" would do`,
			`4:31: region "nowhere" is not shaped like "eu-west-1"`,
			`4:42: unknown field "regoin": did you mean "region"?`,
			`5:31: role_arn "x" is not the ARN of a role, like "arn:aws:iam::123456789012:role/x"`,
			`5:48: duration "1" is out of range: 15m is the least, 12h the most`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.data))
			p, ok := errors.AsType[*Problems](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			got := strings.Split(p.Error(), "\n")
			want := test.want
			for i := range max(len(got), len(want)) {
				g, w := "", ""
				if i < len(got) {
					g = strings.TrimPrefix(got[i], "f:")
				}
				if i < len(want) {
					w = want[i]
				}
				if g != w {
					t.Errorf("problem %d\n got %s\nwant %s", i+1, g, w)
				}
			}
		})
	}
}

// numbered is a list of n times format.
func numbered(format string, n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return strings.Join(list, ", ")
}

// A wrong source is told together with whatever else is wrong, also in the same account.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("f", []byte(`{"accounts": [
		{"name": "main", "account_id": 1},
		{"name": "a b"},
		{"name": "c", "role_arn": "x"},
		{"name": "d", "role_arn": "arn:aws:iam::987654321098:role/R", "region": "x"},
		{"name": "e", "role_arn": "arn:aws:iam::987654321098:role/R", "foo": "x"},
		{"name": "f", "role_arn": "arn:aws:iam::987654321098:role/R", "source": "mian", "duration": "1y"}]}`))
	problems, ok := errors.AsType[*Problems](err)
	if !ok || len(problems.List) != 7 || !strings.Contains(err.Error(), `no account "mian" to be the source: did you mean "main"?`) {
		t.Errorf("%v", err)
	}
}
