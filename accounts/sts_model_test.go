package accounts

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// stsModel prints what botocore's model of STS says of the strings of AssumeRole.
const stsModel = `
import json, botocore.session
shapes = botocore.session.get_session().get_service_model("sts")
print(json.dumps({name: shapes.shape_for(name).metadata for name in (
    "externalIdType", "roleSessionNameType", "sourceIdentityType", "serialNumberType", "tagKeyType", "tagValueType",
    "unrestrictedSessionPolicyDocumentType")}))
`

// The characters that the file takes are those that STS takes, by botocore's model of it.
func TestCharactersAsSTSTakesThem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the same on every system: tested where Python is")
	}
	out, err := exec.Command("python3", "-c", stsModel).Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3 with botocore is needed in CI: %v", err)
		}
		t.Skipf("NOT TESTED against botocore's model: python3 with botocore is missing (%v); `pip install botocore`", err)
	}
	var shapes map[string]struct {
		Min, Max int
		Pattern  string
	}
	if err := json.Unmarshal(out, &shapes); err != nil {
		t.Fatal(err)
	}
	for name, takes := range map[string]func(rune) bool{
		"externalIdType": isExternalID, "roleSessionNameType": isSessionName, "sourceIdentityType": isSessionName,
		"serialNumberType": isMFASerial, "tagKeyType": isTag, "tagValueType": isTag, "unrestrictedSessionPolicyDocumentType": isPolicy,
	} {
		shape, ok := shapes[name]
		if !ok || shape.Pattern == "" {
			t.Errorf("%s has no pattern in the model", name)
			continue
		}
		pattern := regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(shape.Pattern, `\x{$1}`)
		one := regexp.MustCompile("^(?:" + strings.TrimRight(pattern, "*+") + ")$")
		for r := rune(0); r < 0x3000; r++ {
			white := r == '\t' || r == '\n' || r == '\r' // a policy is sent without
			if got, want := takes(r), one.MatchString(string(r)); got != want && !(white && name == "unrestrictedSessionPolicyDocumentType") {
				t.Errorf("%s, %U: taken %v, by STS %v", name, r, got, want)
			}
		}
	}
}
