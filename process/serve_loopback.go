package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"aws-accounts/internal/hint"
)

// loopback answers HTTP requests on the loopback address, each on a connection of its own.
//
// It reads requests itself, as net/http's server would add 600 KB to the program for these few lines.
type loopback struct {
	listener net.Listener
	address  string // host:port
	answer   func(context.Context, *http.Request) reply
	open     sync.WaitGroup
	ctx      context.Context // ends with close
	cancel   context.CancelFunc
}

// reply is what a request is answered with.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// How long a client may take to ask, and to take the answer; how large a request may be; how many are served at once.
const (
	requestTime = 10 * time.Second
	requestSize = 16 << 10
	requests    = 64
)

// listenLoopback answers at once: on any free port if port is 0.
func listenLoopback(port uint16, answer func(context.Context, *http.Request) reply) (*loopback, error) {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, hint.New(fmt.Errorf("can't listen on port %d of 127.0.0.1: %w", port, err), "choose another --port, or none for any that is free")
	}
	l := &loopback{listener: listener, address: listener.Addr().String(), answer: answer}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.open.Go(l.serve)
	return l, nil
}

// close lets the answers that are being written be finished.
func (l *loopback) close() {
	l.cancel()
	l.listener.Close()
	l.open.Wait()
}

func (l *loopback) serve() {
	slots := make(chan struct{}, requests)
	for {
		conn, err := l.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of files, for instance: it may pass
			select {
			case <-time.After(100 * time.Millisecond):
			case <-l.ctx.Done():
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-l.ctx.Done():
			conn.Close()
			return
		}
		l.open.Go(func() {
			defer func() { <-slots }()
			l.exchange(conn)
		})
	}
}

func (l *loopback) exchange(conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(l.ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	conn.SetReadDeadline(time.Now().Add(requestTime))
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, requestSize)))
	stop()
	if err != nil {
		return // a port scanner, or a connection that a browser opened to have one
	}
	var r reply
	switch {
	case !fromLoopback(conn.RemoteAddr().String()):
		// Packets from afar reach 127.0.0.1 where route_localnet is on (CVE-2020-8558).
		r = refuse(http.StatusForbidden, "Forbidden", "only for this machine")
	case !l.addressed(request.Host):
		// A page in the browser whose name was made to point here (DNS rebinding).
		r = refuse(http.StatusForbidden, "Forbidden", "not a name of this endpoint")
	default:
		r = l.answer(l.ctx, request)
	}
	r.header.Set("Cache-Control", "no-store")
	r.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	conn.SetWriteDeadline(time.Now().Add(requestTime))
	response := &http.Response{
		StatusCode: r.status, ProtoMajor: 1, ProtoMinor: 1, Close: true, Header: r.header,
		ContentLength: int64(len(r.body)), Body: io.NopCloser(bytes.NewReader(r.body)),
	}
	response.Write(conn) // a client that has gone misses it
}

func (l *loopback) addressed(host string) bool {
	_, port, _ := net.SplitHostPort(l.address)
	return host == l.address || host == "localhost:"+port
}

func fromLoopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
