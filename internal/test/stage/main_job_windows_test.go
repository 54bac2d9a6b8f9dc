package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The main job as it is on Windows: from %AppData%, by the Credential Manager, started by what the Go SDK starts (cmd.exe /C),
// wherever the program is.
func TestMainJob(t *testing.T) {
	for name, folder := range map[string]string{"plain": "bin", "blanks": `Program Files (x86)\my tools`} {
		t.Run(name, func(t *testing.T) {
			aws := startStageAWS(t, "")
			h := NewHome(t, aws)
			h.Env = append(h.Env, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", `AppData=`+filepath.Join(h.Dir, "Roaming"), `LocalAppData=`+filepath.Join(h.Dir, "Local"))
			for _, v := range h.Env { // the SDK is in this process
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			h.Write(`Roaming/aws-accounts/accounts.json`, stageAccounts)
			program := filepath.Join(h.Dir, folder, "aws-accounts.exe")
			data, err := os.ReadFile(Binary(t))
			if err != nil {
				t.Fatal(err)
			}
			h.Write(filepath.Join(folder, "aws-accounts.exe"), string(data))

			if out := h.MustRun(program, "setup"); !strings.Contains(out, "added    [profile dev]") || strings.Contains(out, "quotes") {
				t.Errorf("%s", out)
			}
			if out := h.MustRun(program, "setup"); !strings.Contains(out, "unchanged, 3 up to date") {
				t.Errorf("again: %s", out)
			}
			for range 2 { // cold, warm
				cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("dev"),
					config.WithSharedConfigFiles([]string{filepath.Join(h.Dir, ".aws", "config")}))
				if err != nil {
					t.Fatal(err)
				}
				who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if *who.Account != DevAccount {
					t.Errorf("account %s", *who.Account)
				}
			}
			if n := aws.Calls("AssumeRole"); n != 1 {
				t.Errorf("%d AssumeRole calls", n)
			}
			if out := h.MustRun(program, "list"); !strings.Contains(out, "left") {
				t.Errorf("%s", out)
			}
			if _, err := os.Stat(filepath.Join(h.Dir, "Local", "aws-accounts", "access_log.jsonl")); err != nil {
				t.Error(err)
			}
			if out := h.MustRun(program, "clear", "--all"); !strings.Contains(out, "dev: forgotten") {
				t.Errorf("%s", out)
			}
			if _, errs, status := h.Run(program, "exec", "dev", "--", "cmd.exe", "/C", "exit 7"); status != 7 || errs != "" {
				t.Errorf("exec: exit %d, %s", status, errs)
			}
			if out := h.MustRun(program, "env", "dev"); !strings.Contains(out, "$Env:AWS_ACCESS_KEY_ID = 'ASIA") {
				t.Error("env isn't PowerShell's")
			}
			h.MustRun(program, "clear", "--all")
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}
