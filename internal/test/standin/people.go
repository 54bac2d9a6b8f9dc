package standin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// kind is where a principal's credentials come from. What AWS allows depends on it.
type kind int

const (
	longTerm    kind = iota // an IAM user's key
	userSession             // GetSessionToken
	roleSession             // AssumeRole and its relatives: assuming with it is chaining
)

// principal is who signed a request.
type principal struct {
	kind           kind
	account        *Account
	arn            string // of the user or of the assumed-role session
	roleARN        string // of the role, for a roleSession
	userID         string
	user           *user // nil for a roleSession
	mfa            bool  // aws:MultiFactorAuthPresent
	sourceIdentity string
	tags           map[string]string // transitive ones only: they alone outlive the session
	chained        bool              // the session was itself obtained with a role's session
}

// credential is an access key that the world knows.
type credential struct {
	ID, Secret, Token string
	principal         *principal
	active            bool
	created           time.Time
	expires           time.Time // zero for long-term keys
	validFrom         time.Time // eventual consistency, see Config.NewKeyDelaySeconds
	failFirst         int       // see Config.NewKeyDelayCalls
	lastUsed          time.Time
	lastService       string
	lastRegion        string
}

type user struct {
	account *Account
	name    string
	path    string
	created time.Time
	mfa     []*mfaDevice
}

func (u *user) arn() string {
	return fmt.Sprintf("arn:%s:iam::%s:user%s%s", u.account.Partition, u.account.ID, u.path, u.name)
}

func (s *Server) addUser(declared User) {
	u := &user{account: s.account(declared.Account, ""), name: declared.Name, path: declared.Path, created: s.now().Add(-24 * time.Hour)}
	if u.path == "" {
		u.path = "/"
	}
	for _, device := range declared.MFA {
		if device.Serial == "" {
			device.Serial = fmt.Sprintf("arn:%s:iam::%s:mfa/%s", u.account.Partition, u.account.ID, u.name)
		}
		if device.Secret == "" {
			device.Secret = base32.StdEncoding.EncodeToString(randomBytes(20))
		}
		key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimRight(device.Secret, "=")))
		if err != nil {
			panic("standin: the secret of " + device.Serial + " isn't base32")
		}
		u.mfa = append(u.mfa, &mfaDevice{serial: device.Serial, key: key})
	}
	keys := declared.Keys
	if len(keys) == 0 {
		keys = []AccessKey{{}}
	}
	for _, key := range keys {
		s.addKey(u, key)
	}
	s.users = append(s.users, u)
}

func (s *Server) addKey(u *user, key AccessKey) *credential {
	c := &credential{
		ID: key.ID, Secret: key.Secret, active: key.Status != "Inactive", created: s.now(),
		principal: &principal{kind: longTerm, account: u.account, arn: u.arn(), userID: uniqueID("AIDA", u.arn()), user: u},
	}
	if c.ID == "" {
		c.ID = newKeyID("AKIA", u.account.ID)
	}
	if c.Secret == "" {
		c.Secret = s.secret(40)
	}
	s.keys[c.ID] = c
	s.keyOrder = append(s.keyOrder, c.ID)
	return c
}

// issue makes temporary credentials.
func (s *Server) issue(p *principal, lifetime time.Duration) *credential {
	c := &credential{
		ID: newKeyID("ASIA", p.account.ID), Secret: s.secret(40), Token: s.sessionToken(), principal: p,
		active: true, created: s.now(), expires: s.now().Add(lifetime).Truncate(time.Second),
	}
	s.keys[c.ID] = c
	s.keyOrder = append(s.keyOrder, c.ID)
	return c
}

// userKeys are a user's long-term keys in the order they were made.
func (s *Server) userKeys(u *user) []*credential {
	var keys []*credential
	for _, id := range s.keyOrder {
		if c := s.keys[id]; c != nil && c.principal.kind == longTerm && c.principal.user == u {
			keys = append(keys, c)
		}
	}
	return keys
}

// account finds an account or declares it. partition "" stands for the declared one's, or aws.
func (s *Server) account(id, partition string) *Account {
	for _, a := range s.accounts[id] {
		if partition == "" || a.Partition == partition {
			return a
		}
	}
	if partition == "" {
		partition = "aws"
	}
	a := &Account{ID: id, Partition: partition, Name: "account " + id}
	s.accounts[id] = append(s.accounts[id], a)
	return a
}

func (s *Server) role(arn string) *Role {
	for _, r := range s.roles {
		if r.ARN == arn {
			return r
		}
	}
	return nil
}

// roleSessionPrincipal is the principal of a session of the role. The session's ARN has the role's name without its path.
func (s *Server) roleSessionPrincipal(roleARN, session string) *principal {
	arn := parseARN(roleARN)
	name := arn.name()
	return &principal{
		kind:    roleSession,
		account: s.account(arn.account, arn.partition),
		roleARN: roleARN,
		arn:     fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", arn.partition, arn.account, name, session),
		userID:  uniqueID("AROA", roleARN) + ":" + session,
	}
}

type arn struct{ partition, service, account, resource string }

func parseARN(s string) arn {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return arn{}
	}
	return arn{parts[1], parts[2], parts[4], parts[5]}
}

func (a arn) name() string { return a.resource[strings.LastIndexByte(a.resource, '/')+1:] }

// matches is AWS's StringLike: "*" for any run of characters, "?" for one.
func matches(pattern, s string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for i := range len(s) + 1 {
				if matches(pattern[1:], s[i:]) {
					return true
				}
			}
			return false
		case '?':
			if s == "" {
				return false
			}
		default:
			if s == "" || s[0] != pattern[0] {
				return false
			}
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// newKeyID makes an id of 20 characters that encodes the account as AWS's do: bits 1 to 40 of the first six bytes.
func newKeyID(prefix, account string) string {
	b := randomBytes(10)
	number, _ := strconv.ParseUint(account, 10, 64)
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], 1<<47|number<<7|uint64(b[0]&0x7f))
	copy(b, head[2:])
	return prefix + base32.StdEncoding.EncodeToString(b)
}

func uniqueID(prefix, of string) string {
	sum := sha256.Sum256([]byte(of))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// secret is n characters of base64 with the marker at a random place.
func (s *Server) secret(n int) string {
	filler := base64.RawStdEncoding.EncodeToString(randomBytes(n))[:max(n-len(s.marker), 16)]
	at := mathrand.IntN(len(filler))
	return filler[:at] + s.marker + filler[at:]
}

// sessionToken begins as AWS's do; the rest is opaque there and random here.
func (s *Server) sessionToken() string { return "IQoJb3JpZ2luX2Vj" + s.secret(s.tokenLength-16) }

func newUUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
