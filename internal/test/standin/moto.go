package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"time"
)

// forward lets moto answer a request that has been verified. moto takes its word for who asks: by a header of its own.
func (x *exchange) forward() (reply, error) {
	r, err := http.NewRequestWithContext(x.r.Context(), x.r.Method, x.s.config.Moto+x.r.URL.RequestURI(), readerOf(x.body))
	if err != nil {
		return reply{}, fail(502, codeInternal, "")
	}
	r.Header = x.r.Header.Clone()
	r.Header.Set("X-Moto-Account-Id", x.caller.account.ID)
	r.ContentLength = int64(len(x.body))
	r.Host = x.r.Host
	answer, err := motoClient.Do(r)
	if err != nil {
		return reply{}, fail(502, codeInternal, "")
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, fail(502, codeInternal, "")
	}
	out := reply{answer.StatusCode, answer.Header.Clone(), body}
	for _, hop := range []string{"Connection", "Transfer-Encoding", "Date", "Server"} {
		out.header.Del(hop)
	}
	if x.r.Method != http.MethodHead { // whose length is that of the body it leaves out
		out.header.Del("Content-Length")
	}
	return out, nil
}

// motoClient neither follows redirects nor goes through a proxy: the answer is moto's, as it is.
var motoClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ErrNoMoto says that moto_server isn't on PATH.
var ErrNoMoto = errors.New("moto_server is not on PATH: install moto[server] to test with it")

// StartMoto runs moto_server on a free port until ctx ends, and returns once it answers. wait, called after that, returns when
// the process is gone.
func StartMoto(ctx context.Context) (url string, wait func() error, err error) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		return "", nil, ErrNoMoto
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("finding a free port: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close() // moto can't be given a listener
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", port)
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting moto_server: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	url = "http://127.0.0.1:" + port
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := motoClient.Get(url + "/moto-api/"); err == nil {
			answer.Body.Close()
			return url, func() error { return <-ended }, nil
		}
		select {
		case err := <-ended:
			return "", nil, fmt.Errorf("moto_server ended: %w", err)
		case <-ctx.Done():
			return "", nil, fmt.Errorf("waiting for moto_server: %w", errors.Join(ctx.Err(), <-ended))
		case <-poll.C:
		}
	}
}

// Moto is [StartMoto] for a test: it runs until the test's end. Without moto_server the test fails, as a skipped one would
// pass for having run.
func Moto(tb TB) (url string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	url, wait, err := StartMoto(ctx)
	if err != nil {
		cancel()
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { cancel(); wait() })
	return url
}
