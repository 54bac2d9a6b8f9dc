package accounts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Synced says that `sync` has made an entry, and of what. All other fields of such an entry are its owner's to change.
type Synced struct {
	From string `json:"from"`           // what lists the account: an organization, with the part asked for, or an SSO session
	Role string `json:"role"`           // that it was listed with: path and name, or the permission set
	Name string `json:"name,omitempty"` // what the account is called there
}

// Listing is all that a directory of AWS's lists, from the first page to the last.
type Listing struct {
	From   string
	Covers func(role string) bool // whether entries that came from here with that role are in this listing, if they still exist
	Listed []Listed
	Names  NameTemplate // for new entries, and to be kept; "" for what the file says
}

// Listed is an account that a listing offers, or a permission set in one.
type Listed struct {
	Account        // as its entry would be, without a name
	Called  string // what AWS calls the account
	LeftOut string // why no entry is made of it
	Closed  bool   // … and that an entry which there is of it is of no use any more
}

// Difference is what a listing would change in an accounts file.
type Difference struct {
	Added    []Account
	Renamed  []Renamed
	Vanished []Vanished
	LeftOut  []Listed
	Same     []*Account   // entries that are as they should be
	names    NameTemplate // to be kept, "" for none
}

// Renamed is an entry whose account AWS calls something else by now.
type Renamed struct {
	*Account
	Called   string
	Describe bool // its description is still what AWS called it, and goes along
	at       int
}

// Vanished is an entry whose account the listing doesn't offer any more.
type Vanished struct {
	*Account
	Why    string
	Needed string // an account that has it as its source, so that it must stay
}

// Compare holds the file against a listing. An entry is the same as one listed if it was made of it, or if its account and
// role are the same, whatever it is called and whoever made it.
func (f *File) Compare(l Listing) *Difference {
	d := &Difference{}
	made, alike := map[string][]int{}, map[string]*Account{}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		if s := a.Synced; s != nil && a.From == "" && strings.EqualFold(s.From, l.From) {
			key := listedKey(a.AccountID, s.Role)
			made[key] = append(made[key], i)
		}
		alike[roleKey(a)] = a
	}

	offered := map[string]bool{}
	why := map[string]string{}
	var fresh []Listed
	for _, e := range l.Listed {
		key := listedKey(e.AccountID, e.Synced.Role)
		if offered[key] {
			continue
		}
		e.Called = printable(e.Called)
		entries := made[key]
		switch {
		case e.LeftOut != "" && len(entries) == 0:
			d.LeftOut = append(d.LeftOut, e)
			continue
		case e.Closed:
			why[key] = e.LeftOut
			continue
		case len(entries) == 0 && alike[roleKey(&e.Account)] != nil:
			d.Same = append(d.Same, alike[roleKey(&e.Account)])
		case len(entries) == 0:
			fresh = append(fresh, e)
		}
		offered[key] = true
		for _, i := range entries {
			if a := &f.Accounts[i]; a.Synced.Name != e.Called {
				d.Renamed = append(d.Renamed, Renamed{a, e.Called, a.Description == a.Synced.Name && e.Called != "", i})
			} else {
				d.Same = append(d.Same, a)
			}
		}
	}
	if l.Names != f.Defaults.NameTemplate {
		d.names = l.Names
	}
	d.Added = f.named(fresh, cmp.Or(l.Names, f.Defaults.NameTemplate))
	d.vanished(f, l, offered, why)
	return d
}

func (d *Difference) vanished(f *File, l Listing, offered map[string]bool, why map[string]string) {
	goes := map[string]bool{}
	for a := range f.All() {
		s := a.Synced
		if s == nil || a.From != "" || !strings.EqualFold(s.From, l.From) || !l.Covers(s.Role) {
			continue
		}
		if key := listedKey(a.AccountID, s.Role); !offered[key] {
			d.Vanished = append(d.Vanished, Vanished{Account: a, Why: cmp.Or(why[key], "no longer there")})
			goes[strings.ToLower(a.Name)] = true
		}
	}
	if len(goes) == 0 {
		return
	}
	// What a source of those that stay is, stays.
	needed := map[string]string{}
	for again := true; again; {
		again = false
		for a := range f.All() {
			source := strings.ToLower(a.Source)
			if !goes[strings.ToLower(a.Name)] && goes[source] {
				delete(goes, source)
				needed[source], again = a.Name, true
			}
		}
	}
	for i := range d.Vanished {
		d.Vanished[i].Needed = needed[strings.ToLower(d.Vanished[i].Name)]
	}
}

// Prunable are the names of those that have vanished and can go.
func (d *Difference) Prunable() (names []string) {
	for _, v := range d.Vanished {
		if v.Needed == "" {
			names = append(names, v.Name)
		}
	}
	return names
}

// Offered are the names of all accounts that the listing offers: new ones, and entries that there were.
func (d *Difference) Offered() (names []string) {
	for _, a := range d.Added {
		names = append(names, a.Name)
	}
	for _, r := range d.Renamed {
		names = append(names, r.Name)
	}
	return append(names, NamesOf(d.Same)...)
}

// Edits reports whether Apply changes anything.
func (d *Difference) Edits() bool { return len(d.Added)+len(d.Renamed) > 0 || d.names != "" }

// Apply adds and renames in the file that Compare has seen. What has vanished is for Remove.
func (d *Difference) Apply(path string, data []byte) ([]byte, error) {
	return rewrite(path, data, func(t *tree) error {
		if d.names != "" {
			t.setDefault("name_template", jsonString(string(d.names)))
		}
		nodes := elements(member(&t.root, "accounts"))
		for _, r := range d.Renamed {
			synced := *r.Synced
			synced.Name = r.Called
			value, err := compact(synced)
			if err != nil {
				return err
			}
			t.set(&nodes[r.at], "synced", value, fieldOrder)
			if r.Describe {
				t.set(&nodes[r.at], "description", jsonString(r.Called), fieldOrder)
			}
		}
		var added []entry
		for _, a := range d.Added {
			e, err := newEntry(a)
			if err != nil {
				return err
			}
			added = append(added, e)
		}
		t.append("accounts", added...)
		return nil
	})
}

func listedKey(accountID, role string) string { return accountID + "\n" + strings.ToLower(role) }

// roleKey is what makes two entries the same to AWS. IAM doesn't tell roles apart by case.
func roleKey(a *Account) string {
	if a.SSO != nil {
		return strings.ToLower(a.SSO.Session + "\n" + a.AccountID + "\n" + a.SSO.RoleName)
	}
	return strings.ToLower(a.RoleARN)
}

// named gives new entries names that are valid and free. The same accounts get the same names in whichever order AWS lists
// them, and whatever comes later changes none: a new entry yields to those that there are.
//
// An account is called as the template has it, else as in AWS, with a hyphen for what a name can't have, or account-ID if nothing
// is left. Where an account has several entries, the role's name follows; where several accounts have the name, each one's number.
func (f *File) named(fresh []Listed, names NameTemplate) []Account {
	owners := map[string]string{} // name → the account that has it
	profiles := map[string]bool{}
	roles := map[string]int{} // account → how many entries it has of Identity Center
	for a := range f.All() {
		owners[strings.ToLower(a.Name)] = a.AccountID
		profiles[a.ProfileName()] = true
		if a.SSO != nil {
			roles[a.AccountID]++
		}
	}
	for profile := range f.Beginnings() {
		profiles[profile] = true
	}
	slices.SortFunc(fresh, func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.Synced.Role, b.Synced.Role))
	})
	for i := range fresh {
		if fresh[i].SSO != nil {
			roles[fresh[i].AccountID]++
		}
	}

	first := make([]string, len(fresh))
	wanted := map[string]int{}
	for i, e := range fresh {
		if first[i] = cmp.Or(names, "{account}").name(e); first[i] == "" || IsAccountID(first[i]) { // a number would be taken for that account's
			first[i] = "account-" + e.AccountID
		}
		if roles[e.AccountID] > 1 && !strings.Contains(string(names), "{role") {
			first[i] = joined(first[i], roleWord(e))
		}
		wanted[strings.ToLower(first[i])]++
	}

	added := make([]Account, len(fresh))
	for i, e := range fresh {
		taken := func(name string) bool {
			_, has := owners[strings.ToLower(name)]
			return has || profiles[f.Defaults.ProfilePrefix+name]
		}
		name := first[i]
		owner, has := owners[strings.ToLower(name)]
		switch {
		case has && owner == e.AccountID && roles[e.AccountID] <= 1:
			name = joined(name, roleWord(e))
		case wanted[strings.ToLower(name)] > 1 || taken(name):
			name = joined(name, e.AccountID)
		}
		free := name
		for n := 2; taken(free); n++ {
			free = joined(name, fmt.Sprint(n))
		}
		owners[strings.ToLower(free)] = e.AccountID
		a := e.Account
		a.Name = free
		a.Description = e.Called
		synced := *a.Synced
		synced.Name = e.Called
		a.Synced = &synced
		added[i] = a
	}
	slices.SortFunc(added, func(a, b Account) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return added
}

// roleWord is what tells the entries of one account apart.
func roleWord(e Listed) string {
	return cmp.Or(cleanName(RoleName(e.Synced.Role)), "role")
}

// joined is a name with an end, cut in front of it so that it isn't too long.
func joined(name, end string) string {
	const longest = 64
	end = end[:min(len(end), 40)]
	return name[:min(len(name), longest-1-len(end))] + "-" + end
}

// printable is a text of others as it may stand in the file and on a screen: on one line, and nothing in it that can't be seen.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	const most = 128
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most])
	}
	return s
}
