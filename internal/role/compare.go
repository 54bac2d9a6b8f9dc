package role

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sameMeaning reports whether two policy documents mean the same to IAM. One that can't be read is like no other.
func sameMeaning(a, b string) bool {
	x, err := normal(a)
	if err != nil {
		return false
	}
	y, err := normal(b)
	return err == nil && compact(x) == compact(y)
}

var errNoPolicy = errors.New("not a policy document")

// normal is a document in the one form that all that mean the same have: lists sorted and without twins, also where the
// document has a single value; accounts as numbers; what IAM reads in any case, in lower case; no Sid.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func normal(text string) (map[string]any, error) {
	var policy map[string]any
	if err := json.Unmarshal([]byte(text), &policy); err != nil || policy == nil {
		return nil, errNoPolicy
	}
	delete(policy, "Id")
	if policy["Version"] == nil {
		policy["Version"] = "2008-10-17"
	}
	statements, ok := policy["Statement"].([]any)
	if !ok {
		statements = []any{policy["Statement"]}
	}
	byText := map[string]any{}
	for _, item := range statements {
		s, ok := item.(map[string]any)
		if !ok {
			return nil, errNoPolicy
		}
		if err := normalStatement(s); err != nil {
			return nil, err
		}
		byText[compact(s)] = s
	}
	sorted := []any{}
	for _, text := range slices.Sorted(maps.Keys(byText)) {
		sorted = append(sorted, byText[text])
	}
	policy["Statement"] = sorted
	return policy, nil
}

func normalStatement(s map[string]any) (err error) {
	delete(s, "Sid")
	for key, value := range s {
		switch key {
		case "Principal", "NotPrincipal":
			s[key], err = normalPrincipal(value)
		case "Action", "NotAction":
			s[key], err = set(value, strings.ToLower)
		case "Resource", "NotResource":
			s[key], err = set(value, same)
		case "Condition":
			s[key], err = normalCondition(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func normalPrincipal(value any) (any, error) {
	if value == "*" {
		value = map[string]any{"AWS": "*"}
	}
	return values(value, func(names any) (any, error) { return set(names, shortPrincipal) })
}

func normalCondition(value any) (any, error) {
	return values(value, func(tests any) (any, error) {
		sets, err := values(tests, func(list any) (any, error) { return set(list, same) })
		lower := map[string]any{}
		for key, list := range sets {
			lower[strings.ToLower(key)] = list
		}
		if err == nil && len(lower) < len(sets) { // both must hold, which one list can't say
			err = errNoPolicy
		}
		return lower, err
	})
}

func values(object any, normal func(any) (any, error)) (map[string]any, error) {
	members, ok := object.(map[string]any)
	if !ok {
		return nil, errNoPolicy
	}
	for name, value := range members {
		var err error
		if members[name], err = normal(value); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func same(s string) string { return s }

// set reads a value or a list of values. Numbers and truths are as good as their texts.
func set(value any, each func(string) string) ([]string, error) {
	items, ok := value.([]any)
	if !ok {
		items = []any{value}
	}
	list := []string{}
	for _, item := range items {
		switch v := item.(type) {
		case string:
			list = append(list, each(v))
		case bool, float64:
			list = append(list, compact(v))
		default:
			return nil, errNoPolicy
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// difference says what a document has that another doesn't, in few words.
func difference(from, to string) string {
	old, err := normal(from)
	if err != nil {
		return "another, as this one can't be read"
	}
	wanted, _ := normal(to) // our own
	var words []string
	for _, fact := range without(facts(wanted), facts(old)) {
		words = append(words, "+"+fact)
	}
	for _, fact := range without(facts(old), facts(wanted)) {
		words = append(words, "-"+fact)
	}
	if len(words) == 0 {
		return "the same, put together otherwise"
	}
	return strings.Join(words, ", ")
}

// facts are the single demands of a normal document, without which of them belong together.
func facts(policy map[string]any) (facts []string) {
	if policy["Version"] != "2012-10-17" {
		facts = append(facts, fmt.Sprintf("version %v", policy["Version"]))
	}
	for _, item := range policy["Statement"].([]any) {
		s := item.(map[string]any)
		prefix := ""
		if s["Effect"] != "Allow" {
			prefix = fmt.Sprintf("%v ", s["Effect"])
		}
		for _, part := range slices.Sorted(maps.Keys(s)) {
			for _, text := range leaves(s[part]) {
				if part != "Effect" {
					facts = append(facts, prefix+cmp.Or(words[part], part)+" "+text)
				}
			}
		}
	}
	slices.Sort(facts)
	return slices.Compact(facts)
}

var words = map[string]string{"Principal": "trusts", "Action": "allows", "Condition": "if"}

// leaves are the values in v, each behind the names that lead to it.
func leaves(v any) (texts []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			for _, text := range leaves(v[key]) {
				if key != "AWS" {
					text = key + " " + text
				}
				texts = append(texts, text)
			}
		}
	case []string:
		return v
	case []any:
		for _, item := range v {
			texts = append(texts, leaves(item)...)
		}
	default:
		texts = append(texts, fmt.Sprint(v))
	}
	return texts
}
