package process

import (
	"net/http"
	"testing"
)

// What was asked for by https is never fetched without, not even from the same host.
func TestSharedStaysHTTPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		follows  bool
	}{
		{"https://team.example/a", "https://elsewhere.example/a", true},
		{"https://team.example/a", "http://team.example/a", false},
		{"https://team.example/a", "http://127.0.0.1:8080/a", false},
		{"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/b", true},
		{"http://127.0.0.1:8080/a", "http://team.example/a", false},
	} {
		requests := make([]*http.Request, 2)
		for i, address := range []string{c.from, c.to} {
			var err error
			if requests[i], err = http.NewRequest(http.MethodGet, address, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := staysHTTPS(requests[1], requests[:1]); (err == nil) != c.follows {
			t.Errorf("%s → %s: %v", c.from, c.to, err)
		}
	}
}
