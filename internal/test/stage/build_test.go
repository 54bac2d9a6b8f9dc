package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is tested is what is shipped, and what `go install` makes: no place builds with flags or tags that another one lacks,
// except for those that leave out names and paths.
func TestOneWayToBuild(t *testing.T) {
	t.Parallel()
	const usual = "go build -trimpath -ldflags='-s -w' -o "
	for file, want := range map[string]string{
		"Makefile":                      "CGO_ENABLED=0 " + strings.TrimSuffix(usual, " -o "),
		".goreleaser.yaml":              "    flags: -trimpath\n    ldflags: -s -w\n",
		".github/workflows/ci.yml":      usual,
		".github/workflows/release.yml": usual,
		".github/formula":               `"build", *std_go_args(ldflags: "-s -w")` + "\n", // which has -trimpath
		".ci/test-windows":              usual,
		"internal/test/stage/stage.go":  `"build", "-trimpath", "-ldflags=-s -w", "-o"`,
		"internal/test/try/main.go":     `"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o"`,
	} {
		data, err := os.ReadFile(filepath.Join("../../..", file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q", file, want)
		}
		for _, other := range []string{"gcflags", "-tags", "funcalign", "go build -o"} {
			if strings.Contains(text, other) {
				t.Errorf("%s has %s", file, other)
			}
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() > LargestProgram {
		t.Errorf("the program has %d bytes, %d more than it may", info.Size(), info.Size()-LargestProgram)
	}
}
