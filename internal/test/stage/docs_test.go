package stage

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are all that people read, by their paths from the repository's top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "examples/*.md", "examples/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join("../../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[strings.TrimPrefix(filepath.ToSlash(path), "../../../")] = string(data)
		}
	}
	return texts
}

// Each link within the repository leads somewhere, to the heading that it names.
func TestLinks(t *testing.T) {
	t.Parallel()
	texts := pages(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for page, text := range texts {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target := match[1]
			if strings.Contains(target, "://") {
				continue
			}
			path, anchor, _ := strings.Cut(target, "#")
			to := page
			if path != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), path))
			}
			if _, err := os.Stat(filepath.Join("../../..", to)); err != nil {
				t.Errorf("%s links to %s, which isn't there", page, target)
			} else if anchor != "" && !hasHeading(texts[to], anchor) {
				t.Errorf("%s links to %s, which is no heading of %s", page, target, to)
			}
		}
	}
}

// hasHeading reports whether a heading of text gets that anchor: in lower case, blanks as hyphens, without punctuation.
func hasHeading(text, anchor string) bool {
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		if strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// What CONTRIBUTING says where to find is there.
func TestContributing(t *testing.T) {
	t.Parallel()
	text := pages(t)["CONTRIBUTING.md"]
	_, tree, _ := strings.Cut(text, "```text\nmain.go ")
	tree, _, found := strings.Cut("main.go "+tree, "```")
	if !found {
		t.Fatal("CONTRIBUTING.md has no tree")
	}
	for line := range strings.Lines(strings.TrimSpace(tree)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("../../..", strings.Fields(line)[0])); err != nil {
			t.Errorf("the tree names what isn't there: %v", err)
		}
	}
	for _, path := range regexp.MustCompile("`((?:accounts|cache|process|internal|examples)/[a-z_/.]+)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../../..", path[1])); err != nil {
			t.Errorf("CONTRIBUTING.md names what isn't there: %v", err)
		}
	}
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(makefile), "\n"+target[1]+": ") {
			t.Errorf("make %s: the Makefile has no such target", target[1])
		}
	}
}

// CHANGELOG tells the layouts that the program stores.
func TestLayouts(t *testing.T) {
	t.Parallel()
	changelog := pages(t)["CHANGELOG.md"]
	for what, path := range map[string]string{
		"sessions": "cache/item/session.go", "access keys": "cache/keys.go", "sign-ins": "internal/identitycenter/token.go",
	} {
		code, err := os.ReadFile(filepath.Join("../../..", path))
		if err != nil {
			t.Fatal(err)
		}
		layout := regexp.MustCompile(`const (?:keysL|SessionL|l)ayout = (\d+)\n`).FindSubmatch(code)
		if layout == nil {
			t.Fatalf("%s has no layout", path)
		}
		if row := "| " + what + " | " + string(layout[1]) + " |"; !strings.Contains(changelog, row) {
			t.Errorf("CHANGELOG.md has no row that begins with %q", row)
		}
	}
}
