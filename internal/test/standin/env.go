package standin

import (
	"fmt"
	"slices"
)

// Env is what points SDKs and tools at the stand-in, as KEY=value. Credentials are not in it, see KeyEnv.
//
// AWS_ENDPOINT_URL_STS is there although AWS_ENDPOINT_URL says the same: aws-sdk-go-v2 ignores the latter while it resolves
// role_arn with source_profile. The AWS CLI of Debian (2.9) knows neither and needs --endpoint-url.
func (s *Server) Env() []string {
	url := s.URL()
	return []string{
		"AWS_ENDPOINT_URL=" + url,
		"AWS_ENDPOINT_URL_STS=" + url,
		"AWS_EC2_METADATA_DISABLED=true",
		"HTTP_PROXY=", "http_proxy=", "HTTPS_PROXY=", "https_proxy=", "ALL_PROXY=", "all_proxy=",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
	}
}

// Key is the first active long-term key of a user, named by its name or ARN.
func (s *Server) Key(user string) AccessKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.name != user && u.arn() != user {
			continue
		}
		for _, c := range s.userKeys(u) {
			if c.active {
				return AccessKey{ID: c.ID, Secret: c.Secret, Status: "Active"}
			}
		}
	}
	panic("standin: no user with an active key is called " + user)
}

// AccessKeys are all long-term keys of a user, oldest first.
func (s *Server) AccessKeys(user string) (keys []AccessKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.name == user || u.arn() == user {
			for _, c := range s.userKeys(u) {
				keys = append(keys, AccessKey{ID: c.ID, Secret: c.Secret, Status: c.status()})
			}
		}
	}
	return keys
}

// KeyEnv is a user's long-term key as environment variables.
func (s *Server) KeyEnv(user string) []string {
	key := s.Key(user)
	return []string{"AWS_ACCESS_KEY_ID=" + key.ID, "AWS_SECRET_ACCESS_KEY=" + key.Secret}
}

// ContainerEnv points SDKs at the container credentials endpoint of Config.Container.
func (s *Server) ContainerEnv() []string {
	return []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.URL() + containerPath,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + s.containerToken(),
	}
}

// ContainersEnv is ContainerEnv for one of Config.Containers, which needs a Token.
func (s *Server) ContainersEnv(i int) []string {
	return []string{
		fmt.Sprintf("AWS_CONTAINER_CREDENTIALS_FULL_URI=%s%s/%d", s.URL(), containerPath, i),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + s.config.Containers[i].Token,
	}
}

// InstanceEnv points SDKs at the instance metadata of Config.Instance. It undoes a part of Env: append it after.
func (s *Server) InstanceEnv() []string {
	return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.URL(), "AWS_EC2_METADATA_DISABLED=false"}
}

// MFACode is a code that a user's device would show: one that has not been used yet.
func (s *Server) MFACode(serial string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.mfaDevice(serial)
	if d == nil {
		panic("standin: no MFA device is called " + serial)
	}
	return d.code(s.now())
}

func (s *Server) mfaDevice(serial string) *mfaDevice {
	for _, u := range s.users {
		for _, d := range u.mfa {
			if d.serial == serial {
				return d
			}
		}
	}
	return nil
}

// PutRole adds a role or replaces the one with its ARN.
func (s *Server) PutRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putRole(r)
}

func (s *Server) putRole(r Role) {
	if r.MaxSessionDuration == 0 {
		r.MaxSessionDuration = 3600
	}
	if r.Trust.Actions == nil {
		r.Trust.Actions = []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}
	}
	arn := parseARN(r.ARN)
	s.account(arn.account, arn.partition)
	s.roles = slices.DeleteFunc(s.roles, func(other *Role) bool { return other.ARN == r.ARN })
	s.roles = append(s.roles, &r)
}

// SetDenials replaces all denials.
func (s *Server) SetDenials(denials ...Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = denials
}

// SetKeyActive switches a long-term key on or off.
func (s *Server) SetKeyActive(id string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id].active = active
}

// Issue hands out a session of a role without asking anybody, for a test that begins with temporary credentials.
func (s *Server) Issue(roleARN, session string) (id, secret, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.issue(s.roleSessionPrincipal(roleARN, session), 3600e9)
	return c.ID, c.Secret, c.Token
}

// Secrets are all secrets and tokens of the world so far: what must be found nowhere. Those that were generated hold the marker.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets := slices.Clone(s.minted)
	for _, id := range s.keyOrder {
		if c := s.keys[id]; c != nil {
			secrets = append(secrets, c.Secret)
			if c.Token != "" {
				secrets = append(secrets, c.Token)
			}
		}
	}
	return secrets
}

// Marker is what every generated secret contains.
func (s *Server) Marker() string { return s.marker }
