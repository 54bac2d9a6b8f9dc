package standin

import (
	"strconv"
	"strings"
	"time"
)

const containerPath = "/container/credentials"

func (s *Server) containerToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.container()
}

// container is the authorization token of the endpoint; "" if there is none.
func (s *Server) container() string {
	c := s.config.Container
	if c == nil {
		return ""
	}
	if c.Token == "" {
		made := *c // the caller's struct stays as it is
		made.Token = s.mint("", 64)
		s.config.Container = &made
	}
	return s.config.Container.Token
}

// metadataCredentials are what container and instance metadata hand out: six hours.
func (x *exchange) metadataCredentials(role, session string, extra map[string]string) reply {
	issued := x.s.issue(x.s.roleSessionPrincipal(role, session), 6*time.Hour)
	out := map[string]string{"AccessKeyId": issued.ID, "SecretAccessKey": issued.Secret, "Token": issued.Token, "Expiration": isoTime(issued.expires)}
	for name, value := range extra {
		out[name] = value
	}
	return jsonReply(200, "application/json", out)
}

func containerCredentials(x *exchange) (reply, error) {
	token, role := x.s.container(), ""
	if token != "" {
		role = x.s.config.Container.Role
	}
	if name, ok := strings.CutPrefix(x.r.URL.Path, containerPath+"/"); ok {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(x.s.config.Containers) {
			return reply{}, fail(404, "NotFound", "Not Found")
		}
		token, role = x.s.config.Containers[i].Token, x.s.config.Containers[i].Role
	}
	if token == "" || x.r.Header.Get("Authorization") != token {
		return reply{}, fail(401, "Unauthorized", "Unauthorized")
	}
	return x.metadataCredentials(role, "container", map[string]string{"RoleArn": role}), nil
}

// imdsToken is the first step of version 2, the only one that is served.
func imdsToken(x *exchange) (reply, error) {
	seconds, err := strconv.Atoi(x.r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
	if err != nil || seconds < 1 || seconds > 21600 {
		return reply{}, fail(400, "BadRequest", "Bad Request")
	}
	if x.s.config.Instance == nil || x.r.Header.Get("X-Forwarded-For") != "" {
		return reply{}, fail(403, "Forbidden", "Forbidden")
	}
	token := x.s.mint("", 56)
	x.s.imds[token] = x.now.Add(time.Duration(seconds) * time.Second)
	r := newReply(200, "text/plain", []byte(token))
	r.header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(seconds))
	return r, nil
}

func imdsMetadata(x *exchange) (reply, error) {
	if end, ok := x.s.imds[x.r.Header.Get("X-Aws-Ec2-Metadata-Token")]; !ok || !x.now.Before(end) {
		return reply{}, fail(401, "Unauthorized", "Unauthorized")
	}
	role := x.s.config.Instance.Role
	name := parseARN(role).name()
	switch path := strings.TrimPrefix(x.r.URL.Path, "/latest/meta-data/"); strings.TrimSuffix(path, "/") {
	case "iam/security-credentials", "iam/security-credentials-extended":
		return newReply(200, "text/plain", []byte(name)), nil
	case "iam/security-credentials/" + name, "iam/security-credentials-extended/" + name:
		return x.metadataCredentials(role, "i-0123456789abcdef0", map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": isoTime(x.now), "AccountId": parseARN(role).account,
		}), nil
	case "placement/region":
		return newReply(200, "text/plain", []byte("eu-west-1")), nil
	case "placement/availability-zone":
		return newReply(200, "text/plain", []byte("eu-west-1a")), nil
	}
	return reply{}, fail(404, "NotFound", "Not Found")
}
