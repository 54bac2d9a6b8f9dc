package standin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// constraints collects what is wrong with a query request's parameters, in the words of AWS's validation: all at once.
type constraints struct {
	x     *exchange
	wrong []string
}

func (c *constraints) failed(name, value, constraint string) {
	c.wrong = append(c.wrong, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, member(name), constraint))
}

// member is a parameter's name as AWS's messages write it: DurationSeconds is durationSeconds.
func member(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (c *constraints) text(name string, required bool, shortest, longest int, pattern *regexp.Regexp) string {
	value := c.x.form.Get(name)
	if !c.x.form.Has(name) {
		if required {
			c.wrong = append(c.wrong, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member(name)))
		}
		return ""
	}
	c.check(name, value, shortest, longest, pattern)
	return value
}

// check is for a value that is there.
func (c *constraints) check(name, value string, shortest, longest int, pattern *regexp.Regexp) {
	if pattern != nil && !pattern.MatchString(value) {
		c.failed(name, value, "Member must satisfy regular expression pattern: "+
			codePoint.ReplaceAllString(strings.Trim(pattern.String(), "^$"), `\u$1`))
	}
	if n := characters(value); n < shortest {
		c.failed(name, value, "Member must have length greater than or equal to "+strconv.Itoa(shortest))
	} else if n > longest {
		c.failed(name, value, "Member must have length less than or equal to "+strconv.Itoa(longest))
	}
}

// codePoint is how Go writes one in a pattern; AWS's messages have it as Java does.
var codePoint = regexp.MustCompile(`\\x\{(\w{4})\}`)

// characters is the length of s as AWS counts it: in UTF-16 units, as Java does.
func characters(s string) int { return len(utf16.Encode([]rune(s))) }

func (c *constraints) seconds(name string, least, most, otherwise int) int {
	value := c.x.form.Get(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	switch {
	case err != nil:
		c.failed(name, value, "Member must be an integer")
	case n < least:
		c.failed(name, value, "Member must have value greater than or equal to "+strconv.Itoa(least))
	case n > most:
		c.failed(name, value, "Member must have value less than or equal to "+strconv.Itoa(most))
	}
	return n
}

func (c *constraints) err() error {
	switch len(c.wrong) {
	case 0:
		return nil
	case 1:
		return fail(400, "ValidationError", "1 validation error detected: %s", c.wrong[0])
	}
	return fail(400, "ValidationError", "%d validation errors detected: %s", len(c.wrong), strings.Join(c.wrong, "; "))
}

// list is the values of NAME.member.1[.FIELD], NAME.member.2 …
func (x *exchange) list(name string, fields ...string) [][]string {
	var items [][]string
	for i := 1; ; i++ {
		prefix := name + ".member." + strconv.Itoa(i)
		if len(fields) == 0 {
			if !x.form.Has(prefix) {
				return items
			}
			items = append(items, []string{x.form.Get(prefix)})
			continue
		}
		item, any := make([]string, len(fields)), false
		for j, field := range fields {
			item[j] = x.form.Get(prefix + "." + field)
			any = any || x.form.Has(prefix+"."+field)
		}
		if !any {
			return items
		}
		items = append(items, item)
	}
}
