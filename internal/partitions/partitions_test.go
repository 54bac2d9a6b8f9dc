package partitions

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What we know is what the SDK knows.
func TestRegions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the same list on every system: compared where the Go command is")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "awsrulesfn", "partitions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct {
		Partitions []struct {
			ID      string
			Regions map[string]any
		}
	}
	if err := json.Unmarshal(data, &sdk); err != nil || len(sdk.Partitions) == 0 {
		t.Fatalf("%v", err)
	}
	var want []string
	for _, p := range sdk.Partitions {
		for region := range p.Regions {
			if strings.HasSuffix(region, "-global") {
				continue
			}
			want = append(want, region)
			if Of(region) != p.ID {
				t.Errorf("%s is of %s, not of %s", region, p.ID, Of(region))
			}
		}
	}
	have := Regions()
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("have %q\nwant %q", have, want)
	}
}
