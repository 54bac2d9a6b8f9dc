package standin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Proxy is an HTTP proxy that inspects TLS, as companies run one: whatever host is asked for, it answers with a
// certificate of its own CA, and hands the request to the stand-in as it came, so that its signature holds. A client
// that uses AWS's own endpoints is seen with the names that it really asks for: see [Call.Host].
type Proxy struct {
	aws     *Server
	address string
	tunnels chan net.Conn
	done    chan struct{}

	caKey, leafKey *ecdsa.PrivateKey
	ca             *x509.Certificate
	mu             sync.Mutex
	leaves         map[string]*tls.Certificate
}

// StartProxy runs a proxy before the stand-in until the test ends.
func StartProxy(tb TB, aws *Server) *Proxy {
	tb.Helper()
	p := &Proxy{aws: aws, tunnels: make(chan net.Conn), done: make(chan struct{}), leaves: map[string]*tls.Certificate{}}
	if err := p.makeCA(); err != nil {
		tb.Fatalf("making the proxy's CA: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("starting the proxy: %v", err)
	}
	p.address = listener.Addr().String()
	quiet := log.New(io.Discard, "", 0)
	outer := &http.Server{Handler: http.HandlerFunc(p.serve), ErrorLog: quiet}
	inner := &http.Server{Handler: http.HandlerFunc(p.inspect), ErrorLog: quiet, ConnContext: withTunnel}
	go outer.Serve(listener)
	go inner.Serve(tls.NewListener(tunnelListener{p}, &tls.Config{GetCertificate: p.certificate}))
	tb.Cleanup(func() {
		close(p.done)
		outer.Close()
		inner.Close()
	})
	return p
}

// URL is what HTTPS_PROXY names.
func (p *Proxy) URL() string { return "http://" + p.address }

// CA is the certificate that a client has to trust, in PEM form.
func (p *Proxy) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.Raw})
}

// Env has clients use the proxy. That they trust it is not in it.
func (p *Proxy) Env() []string {
	return []string{"HTTPS_PROXY=" + p.URL(), "https_proxy=" + p.URL(), "HTTP_PROXY=" + p.URL(), "http_proxy=" + p.URL(),
		"NO_PROXY=", "no_proxy=127.0.0.1,localhost"}
}

// serve takes what the proxy itself is asked: for a tunnel, or for a page without TLS.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		p.aws.ServeHTTP(w, r)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		conn.Close()
		return
	}
	select {
	case p.tunnels <- tunnel{conn, r.Host}:
	case <-p.done:
		conn.Close()
	}
}

// inspect answers what comes through a tunnel. It must be meant for the host that the tunnel was asked for.
func (p *Proxy) inspect(w http.ResponseWriter, r *http.Request) {
	asked, _ := r.Context().Value(tunnelKey{}).(string)
	if host, _, _ := strings.Cut(asked, ":"); host != r.TLS.ServerName || host != strings.Split(r.Host, ":")[0] {
		text := fmt.Sprintf("asked for %s, with TLS for %s, and then for %s", asked, r.TLS.ServerName, r.Host)
		http.Error(w, text, http.StatusMisdirectedRequest)
		return
	}
	p.aws.ServeHTTP(w, r)
}

// tunnel is a connection that CONNECT has opened, and to where.
type tunnel struct {
	net.Conn
	to string
}

type tunnelKey struct{}

func withTunnel(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, tunnelKey{}, c.(*tls.Conn).NetConn().(tunnel).to)
}

// tunnelListener accepts the tunnels.
type tunnelListener struct{ p *Proxy }

func (l tunnelListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.p.tunnels:
		return c, nil
	case <-l.p.done:
		return nil, net.ErrClosed
	}
}

func (tunnelListener) Close() error     { return nil }
func (l tunnelListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *Proxy) makeCA() (err error) {
	if p.caKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if p.leafKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "standin proxy"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &p.caKey.PublicKey, p.caKey)
	if err == nil {
		p.ca, err = x509.ParseCertificate(der)
	}
	return err
}

// certificate is one for the host that the client names.
func (p *Proxy) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if made := p.leaves[hello.ServerName]; made != nil {
		return made, nil
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(p.leaves)) + 2), Subject: pkix.Name{CommonName: hello.ServerName},
		DNSNames:  []string{hello.ServerName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, p.ca, &p.leafKey.PublicKey, p.caKey)
	if err != nil {
		return nil, err
	}
	p.leaves[hello.ServerName] = &tls.Certificate{Certificate: [][]byte{der, p.ca.Raw}, PrivateKey: p.leafKey}
	return p.leaves[hello.ServerName], nil
}
