package ask

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/tui"
)

var few = []Choice{
	{"main", "123456789012", "Main AWS Account"},
	{"dev", "987654321098", "Development"},
	{"prod", "555555555555", "Production"},
	{"prod-eu", "555555555556", "Production in Europe"},
	{"東京", "111122223333", "Entwicklung für Jürgen"},
}

func TestPickByKeys(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"Enter alone is the first", "\r", "main"},
		{"line feed", "\n", "main"},
		{"by the name", "prod\r", "prod"},
		{"by parts of it", "pdeu\r", "prod-eu"},
		{"in whichever case", "DEV\r", "dev"},
		{"by the ID", "9876\r", "dev"},
		{"by the description", "europe\r", "prod-eu"},
		{"by words in any order", "eu prod\r", "prod-eu"},
		{"in other scripts", "東\r", "東京"},
		{"of one letter in two reads", "jü|\xc3|\xbcrgen\r", ""},
		{"of one letter in two reads, mended", "j\xc3|\xbcrgen\r", "東京"},
		{"down and up", "\x1b[B\x1b[B\x1b[A\r", "dev"},
		{"in application mode", "\x1bOB\r", "dev"},
		{"an arrow in two reads", "\x1b|[B\r", "dev"},
		{"Ctrl-N and Ctrl-P", "\x0e\x0e\x10\r", "dev"},
		{"not beyond the ends", "\x10\x0e\x0e\x0e\x0e\x0e\x0e\x0e\r", "東京"},
		{"page down and up", "\x1b[6~\x1b[5~\r", "main"},
		{"backspace", "devx\x7f\r", "dev"},
		{"Ctrl-U", "prod\x15dev\r", "dev"},
		{"Ctrl-W", "dev prod\x17\r", "dev"},
		{"Ctrl-W takes blanks too", "dev prod  \x17\r", "dev"},
		{"other keys do nothing", "\x1b[1;5C\x1b[15~\x1bOP\x1bx\x01\xff\r", "main"},
		{"Enter where nothing fits waits", "nothing\r\x15prod\r", "prod"},
		{"Escape", "pr\x1b||", "cancelled"},
		{"Escape twice", "\x1b\x1b", "cancelled"},
		{"Ctrl-C", "pr\x03", "cancelled"},
		{"Ctrl-D at an empty line", "\x04", "cancelled"},
		{"Ctrl-D elsewhere", "prod\x04\r", "prod"},
		{"Ctrl-Z", "\x1a", "suspended"},
	} {
		p := newPicker("Account: ", few)
		p.view(tui.Screen{Width: 80, Height: 24})
		got := ""
		for chunk := range strings.SplitSeq(c.keys, "|") { // an empty one is a while without typing
			done, err := p.typed([]byte(chunk))
			if err != nil {
				got = err.Error()
			} else if done {
				got = p.choices[p.found[p.at]].Name
			}
		}
		if got != c.want {
			t.Errorf("%s: %q chooses %q, want %q", c.name, c.keys, got, c.want)
		}
	}
}

func TestPickView(t *testing.T) {
	for _, c := range []struct {
		name   string
		keys   string
		screen tui.Screen
		want   string
	}{
		{"80 columns", "prod\x0e", tui.Screen{Width: 80, Height: 24}, `Account: prod
  prod     555555555555  Production
> prod-eu  555555555556  Production in Europe
  2 of 5  (Enter chooses, Esc leaves)`},
		{"the rest is below", "", tui.Screen{Width: 80, Height: 5}, `Account:
> main  123456789012  Main AWS Account
  dev   987654321098  Development
  prod  555555555555  Production
  5 of 5  (Enter chooses, Esc leaves)`},
		{"what is chosen is in sight", "\x1b[B\x1b[B\x1b[B\x1b[B", tui.Screen{Width: 40, Height: 5}, `Account:
  prod     555555555555  Production
  prod-eu  555555555556  Production in…
> 東京     111122223333  Entwicklung f…
  5 of 5  (Enter chooses, Esc leaves)`},
		{"20 columns", "", tui.Screen{Width: 20, Height: 4}, `Account:
> main
  dev
  5 of 5`},
		{"a long query", strings.Repeat("日本", 20), tui.Screen{Width: 20, Height: 4}, `Account: 本日本日本
  0 of 5`},
		{"5 columns", "main", tui.Screen{Width: 5, Height: 3}, `> in
> m…
  1…`},
		{"no size", "dev", tui.Screen{}, `Account: dev
> dev  987654321098  Development
  1 of 5  (Enter chooses, Esc leaves)`},
		{"colour", "dev", tui.Screen{Width: 80, Height: 24, Colour: true}, "Account: dev\n\x1b[1m> dev\x1b[0m  987654321098  \x1b[2mDevelopment\x1b[0m\n\x1b[2m  1 of 5  (Enter chooses, Esc leaves)\x1b[0m"},
	} {
		p := newPicker("Account: ", few)
		for _, key := range strings.SplitAfter(c.keys, "") {
			p.view(c.screen)
			p.typed([]byte(key))
		}
		got := p.view(c.screen)
		got, _, _ = strings.Cut(got, "\x1b[J") // what is behind only moves the cursor back
		var lines []string
		for line := range strings.SplitSeq(got, "\n") {
			line = strings.TrimRight(strings.NewReplacer("\x1b[K", "", "\r", "").Replace(line), " ")
			if width := tui.Width(line); !c.screen.Colour && c.screen.Width > 0 && width >= c.screen.Width {
				t.Errorf("%s: %q has %d cells", c.name, line, width)
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, "\n"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// What the accounts file says can't move the cursor.
func TestPickIsHarmless(t *testing.T) {
	p := newPicker("Account: ", []Choice{{"a\x1b[2J", "1\n2", "\u202ex"}})
	if view := p.view(tui.Screen{Width: 80, Height: 24}); strings.Contains(view, "\x1b[2J") || strings.Contains(view, "\u202e") || strings.Count(view, "\n") != 2 {
		t.Errorf("%q", view)
	}
}

func TestPickAmongTenThousand(t *testing.T) {
	many := make([]Choice, 10_000)
	for i := range many {
		many[i] = Choice{fmt.Sprintf("team%d-prod-%d", i%17, i), fmt.Sprint(100_000_000_000 + i*7919), "An account of some team"}
	}
	p := newPicker("Account: ", many)
	for _, key := range "team3-prod-9999" {
		begin := time.Now()
		p.typed([]byte(string(key)))
		p.view(tui.Screen{Width: 80, Height: 24})
		if took := time.Since(begin); took > time.Second { // some 10 ms where nothing else runs
			t.Errorf("a key took %v", took)
		}
	}
}

func FuzzPick(f *testing.F) {
	f.Add([]byte("prod\x1b[B\x1bOA\x1b[6~\x7f\x15\x17\r"), 20, 5)
	f.Add([]byte("\x1b\x1b[\xc3|\xbc\x00"), 1, 1)
	f.Fuzz(func(t *testing.T, keys []byte, width, height int) {
		keys = keys[:min(len(keys), 300)] // a longer run shows nothing new, and takes its time
		screen := tui.Screen{Width: width % 200, Height: height % 50}
		p := newPicker("aws-accounts: Account: ", few)
		for len(keys) > 0 {
			n := min(len(keys), 1+int(keys[0])%7)
			done, err := p.typed(keys[:n])
			keys = keys[n:]
			if err != nil && !errors.Is(err, ErrCancelled) && err != errSuspended {
				t.Fatal(err)
			}
			view := p.view(screen)
			if done && (p.at < 0 || p.at >= len(p.found)) {
				t.Fatal("something is chosen that isn't there")
			}
			if height := screen.Height; height > 2 && width%200 > 0 && strings.Count(view, "\n") >= height {
				t.Fatalf("%d lines on a screen of %d", strings.Count(view, "\n")+1, height)
			}
			for line := range strings.SplitSeq(view, "\n") {
				line, _, _ = strings.Cut(line, "\x1b[")
				if w := tui.Width(strings.Trim(line, "\r")); screen.Width > 3 && screen.Height > 0 && w >= screen.Width {
					t.Fatalf("%q has %d cells of %d", line, w, screen.Width)
				}
			}
			if done || err != nil {
				return
			}
		}
		p.typed(nil)
	})
}
