package stage

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// The picture of the first minute in the README shows what the program really writes. PICTURE=write makes it anew.
func TestPicture(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, exampleWorld())
	h := NewHome(t, aws, FileKeychain()...)
	aliases := lookalikes(t, h, aws)
	h.Write(".aws/config", "[default]\nregion = eu-west-1\n\n[profile dev]\nrole_arn = "+DevRole+"\nsource_profile = default\n\n"+
		"[profile prod]\nrole_arn = "+ProdRole+"\nsource_profile = default\n")
	var screen []string
	for _, command := range []string{"aws-accounts init --yes", "aws s3 ls --profile dev", "aws-accounts list"} {
		out, status := h.combined("sh", "-c", command)
		if status != 0 {
			t.Fatalf("%s: exit %d\n%s", command, status, out)
		}
		screen = append(screen, "$ "+command)
		out = accessKey.ReplaceAllString(strings.Replace(aliases.Replace(out), "Keychain file", "Keychain secret-service", 1), "AKIAIOSFODNN7EXAMPLE")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if command == "aws-accounts init --yes" {
			lines = essence(lines)
		}
		screen = append(append(screen, lines...), "")
	}
	picture := draw(screen)
	path := filepath.Join("..", "..", "..", "examples", "first-minute.svg")
	if os.Getenv("PICTURE") == "write" {
		if err := os.WriteFile(path, []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := os.ReadFile(path)
	if err != nil || readable(string(shown)) != readable(picture) {
		t.Errorf("examples/first-minute.svg is not what the program writes now (%v): `make picture` draws it anew\n%s", err, strings.Join(screen, "\n"))
	}
}

var accessKey = regexp.MustCompile(`AKIA[A-Z0-9]{16}`)

// essence leaves out the differences between files, which fill a screen: they begin behind the table, and end before the
// lines that say what was done.
func essence(lines []string) (short []string) {
	inDiff := false
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "--- "):
			if !inDiff {
				short = append(short, "…")
			}
			inDiff = true
		case inDiff && (strings.HasPrefix(line, "stored ") || strings.HasPrefix(line, "wrote ")):
			inDiff = false
		}
		if !inDiff && !(line == "" && i > 0 && lines[i-1] == "") {
			short = append(short, line)
		}
	}
	return short
}

// Of the picture, in pixels and seconds.
const (
	lineHeight, charWidth, margin = 18, 7.8, 16
	typingTime, lineTime, rest    = 1.2, 0.08, 6.0
)

// draw is an SVG in which one line after the other appears, over and over; for who wants no motion, and where nothing is
// animated, all of it is there.
func draw(screen []string) string {
	widest := 0
	for _, line := range screen {
		widest = max(widest, len([]rune(line)))
	}
	at, times := 0.5, make([]float64, len(screen))
	for i, line := range screen {
		if strings.HasPrefix(line, "$ ") {
			at += typingTime
		} else {
			at += lineTime
		}
		times[i] = at
	}
	whole := at + rest
	width, height := int(float64(widest)*charWidth)+2*margin, len(screen)*lineHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>The first minute with aws-accounts</title>
<style>
rect { fill: #fbfbfa; stroke: #d0d7de }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f; white-space: pre }
.typed { fill: #0550ae; font-weight: 600 }
@media (prefers-color-scheme: dark) { rect { fill: #161b22; stroke: #3d444d } text { fill: #d1d7e0 } .typed { fill: #79c0ff } }
@media (prefers-reduced-motion: no-preference) { text { animation: %.2fs step-end infinite } }
`, width, height, width, height, whole)
	for i, t := range times {
		fmt.Fprintf(&b, "@keyframes l%d { 0%% { opacity: 0 } %.2f%% { opacity: 1 } }\n", i, 100*t/whole)
	}
	fmt.Fprintf(&b, "</style>\n<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", width-1, height-1)
	for i, line := range screen {
		if line == "" {
			continue
		}
		class := ""
		if strings.HasPrefix(line, "$ ") {
			class = ` class="typed"`
		}
		fmt.Fprintf(&b, `<text xml:space="preserve" x="%d" y="%d"%s style="animation-name: l%d">`, margin, margin+(i+1)*lineHeight-5, class, i)
		xml.EscapeText(&b, []byte(line))
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}
