package standin

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// controlPrefix is where a stand-in in another process is asked and told things. No service of AWS's has such a path.
const controlPrefix = "/_standin/"

// serveControl:
//
//	GET    /_standin/calls             all requests as [Call]
//	DELETE /_standin/calls             forgets them
//	GET    /_standin/counts            {"sts:AssumeRole": {"ok": 3}}
//	POST   /_standin/faults            a [Fault]
//	DELETE /_standin/faults            clears them
//	POST   /_standin/clock?offset=1h   sets the clock's offset; ?advance=1h adds to it
//	GET    /_standin/mfa?serial=ARN    a code of the device
//	GET    /_standin/devices           user codes that wait
//	POST   /_standin/devices?user_code=ABCD-EFGH[&deny=1]
//	POST   /_standin/roles             a [Role], added or replaced
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	query := r.URL.Query()
	var err error
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix) {
	case "GET calls":
		answer(s.Log())
		return
	case "DELETE calls":
		s.ResetCalls()
	case "GET counts":
		counts := map[string]map[string]int{}
		for _, c := range s.Log() {
			name := c.Service + ":" + c.Operation
			if counts[name] == nil {
				counts[name] = map[string]int{}
			}
			counts[name][c.Outcome]++
		}
		answer(counts)
		return
	case "POST faults":
		var f Fault
		if err = json.NewDecoder(r.Body).Decode(&f); err == nil {
			s.Fault(f)
		}
	case "DELETE faults":
		s.ClearFaults()
	case "POST clock":
		var d time.Duration
		if query.Has("advance") {
			if d, err = time.ParseDuration(query.Get("advance")); err == nil {
				s.Advance(d)
			}
		} else if d, err = time.ParseDuration(query.Get("offset")); err == nil {
			s.SetClockOffset(d)
		}
	case "GET mfa":
		s.mu.Lock()
		d, code := s.mfaDevice(query.Get("serial")), ""
		if d != nil {
			code = d.code(s.now())
		}
		s.mu.Unlock()
		if d == nil {
			http.Error(w, "no such device", http.StatusNotFound)
			return
		}
		w.Write([]byte(code + "\n"))
		return
	case "GET devices":
		answer(s.PendingDevices())
		return
	case "POST devices":
		err = s.lockedDevice(query.Get("user_code"), !query.Has("deny"))
	case "POST roles":
		var role Role
		if err = json.NewDecoder(r.Body).Decode(&role); err == nil {
			s.PutRole(role)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
