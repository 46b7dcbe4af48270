package rpc

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
)

// codec is JSON over plain structs, strictly: unknown fields and trailing bytes are refused.
type codec struct{}

func (codec) Name() string { return "json" }

func (codec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

func (codec) Unmarshal(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more after its end", ErrMessage)
	}
	return nil
}

// Options are what both ends of a stream are made with.
func Options() []connect.Option {
	return []connect.Option{
		connect.WithCodec(codec{}), connect.WithReadMaxBytes(MaxMessageBytes), connect.WithSendMaxBytes(MaxMessageBytes),
	}
}

// Pings: an idle connection is asked after one second and given up after five more.
const (
	pingAfter = time.Second
	pingWait  = 5 * time.Second
)

// streamsMax bounds the calls on one connection; an agent makes one.
const streamsMax = 4

// http2 returns protocols and settings for HTTP/2 without TLS, and nothing else.
func http2() (*http.Protocols, *http.HTTP2Config) {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p, &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait}
}

// Server returns an HTTP server for the handler. The caller listens and serves.
func Server(h http.Handler) *http.Server {
	p, c := http2()
	c.MaxConcurrentStreams = streamsMax
	return &http.Server{
		Handler: h, Protocols: p, HTTP2: c, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
	}
}

// Client returns an HTTP client for agents. CloseIdleConnections frees what it holds once its calls have ended.
func Client() *http.Client {
	p, c := http2()
	return &http.Client{Transport: &http.Transport{Protocols: p, HTTP2: c}}
}

const bearer = "Bearer "

// SetToken puts the token into a request's header.
func SetToken(h http.Header, token string) { h.Set("Authorization", bearer+token) }

// HasToken compares in constant time.
func HasToken(h http.Header, token string) bool {
	got, ok := strings.CutPrefix(h.Get("Authorization"), bearer)
	return ok && token != "" && subtle.ConstantTimeCompare([]byte(got), []byte(token)) == 1
}

// Unwanted reports whether a manager has ended the stream because the agent is not, or no longer, of its run: calling again is of no use.
func Unwanted(err error) bool { return connect.CodeOf(err) == connect.CodeFailedPrecondition }
