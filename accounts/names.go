package accounts

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tailscale/hujson"
)

// namesIn returns the names of the accounts in a file that begin with prefix, in whichever case, without parsing it: shell
// completion has no time for 10,000 accounts, and a file with a mistake still completes. What isn't a name in a right file
// may be missing or too much.
func namesIn(path, prefix string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	var data bytes.Buffer
	if info, err := file.Stat(); err == nil {
		data.Grow(int(min(info.Size(), maxSize)) + bytes.MinRead) // at once: growing by and by takes as long as looking
	}
	if _, err := data.ReadFrom(io.LimitReader(file, maxSize)); err != nil {
		return nil
	}
	return names(data.Bytes(), prefix)
}

// names finds the member "name" of the objects in the list "accounts" of the object at the top.
func names(b []byte, prefix string) (found []string) {
	depth := 0
	list, key, awaits := false, []byte(nil), false // in the list; the last member's name; its value comes next
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			from := i + 1
			escaped := false
			if n := bytes.IndexByte(b[from:], '"'); n >= 0 && bytes.IndexByte(b[from:from+n], '\\') < 0 {
				i = from + n - 1 // most strings, at a fraction of the time
			}
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					escaped = true
					i++
				}
			}
			text := b[from:min(i, len(b))]
			if awaits && !(list && depth == 3 && string(key) == "name") { // a value of no use
				awaits = false
				continue
			}
			if escaped {
				text = unescape(text)
			}
			if !awaits {
				key = text
				continue
			}
			awaits = false
			if len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix) {
				found = append(found, string(text))
			}
		case '/':
			if bytes.HasPrefix(b[i:], []byte("//")) {
				n := bytes.IndexByte(b[i:], '\n')
				if n < 0 {
					return found
				}
				i += n
			} else if bytes.HasPrefix(b[i:], []byte("/*")) {
				n := bytes.Index(b[i+2:], []byte("*/"))
				if n < 0 {
					return found
				}
				i += n + 3
			}
		case ':':
			awaits = true
		case '{', '[':
			if depth == 1 && c == '[' && string(key) == "accounts" {
				list = true
			}
			depth++
			awaits = false
		case '}', ']':
			if depth--; depth == 1 {
				list = false
			}
			awaits = false
		case ',':
			awaits = false
		}
	}
	return found
}

func unescape(text []byte) []byte {
	lit := hujson.Literal(fmt.Appendf(nil, `"%s"`, text))
	if !lit.IsValid() {
		return text
	}
	return []byte(lit.String())
}
