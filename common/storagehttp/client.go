package storagehttp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
)

// Limits of a client.
const (
	// MaxAnswerSize is the largest body of an answer in bytes, as in 1.20
	// (http_client.py limited_content). More at once cannot be read.
	MaxAnswerSize = 30 << 20
	// maxSmallAnswer is for answers that hold no share data: a set of shares,
	// ranges that are still required.
	maxSmallAnswer = 1 << 20
	// maxRefusal is how much of the text of a refusal is read.
	maxRefusal = 256

	// maxIdleConns are kept to a server, as by 1.20.
	maxIdleConns = 10
	// idleTime is how long (twisted.web.client HTTPConnectionPool).
	idleTime = 240 * time.Second
	// maxParallel bounds the requests of one SlotReadv.
	maxParallel = 10
	// transferBuffer is for bodies on their way.
	transferBuffer = 64 << 10
	// maxAnswerHeader bounds the headers of an answer in bytes.
	maxAnswerHeader = 16 << 10

	// uploadSecretSize is what clients of 1.20 draw for each allocation.
	uploadSecretSize = 20
)

// ClientOptions are what a client may need beside a NURL. The zero value is for
// TCP.
type ClientOptions struct {
	// Dial connects, for instance by a SOCKS proxy; a net.Dialer if nil. It
	// gets "tcp" and HOST:PORT.
	Dial DialFunc
	// Random is where upload secrets come from; crypto/rand if nil.
	Random io.Reader
}

// Client is a storage server reached over HTTPS. Safe for concurrent use.
// Connections are made as needed and kept for later requests. Timeouts are those
// of the contexts; one that ends in the middle of a request costs a connection.
type Client struct {
	base   string // https://HOST:PORT
	auth   string // the value of the Authorization header: a secret
	http   *http.Client
	random io.Reader
}

var _ grid.StorageServer = (*Client)(nil)

// NewClient returns a client for the server with the NURL. It connects when it
// is used. The error says that the NURL is none, or that it needs Tor and there
// is no Dial. Close it.
func NewClient(nurl NURL, options ClientOptions) (*Client, error) {
	if err := nurl.Validate(); err != nil {
		return nil, fmt.Errorf("NURL: %w", err)
	}
	if options.Dial == nil && nurl.Tor {
		return nil, errors.New("NURL: the server is reached through Tor only, and no Tor is configured")
	}
	if options.Dial == nil {
		options.Dial = new(net.Dialer).DialContext
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	return &Client{
		base: "https://" + nurl.Address(), auth: authorization(nurl.Swissnum),
		http: &http.Client{
			Transport:     newTransport(options.Dial, nurl.Hash),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		random: options.Random,
	}, nil
}

func newTransport(dial DialFunc, hash SPKIHash) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialTLSContext:         dialTLS(dial, clientTLS(hash)),
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxAnswerHeader,
		ReadBufferSize:         transferBuffer,
		WriteBufferSize:        transferBuffer,
	}
}

// Close closes the connections that are kept. Requests in progress go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String names the server by its address.
func (c *Client) String() string { return c.base }

// request is one request to be made.
type request struct {
	method  string
	at      place
	secrets requestSecrets
	headers http.Header // more of them, or nil
	body    []byte      // or nil; borrowed
	data    [][]byte    // instead of body: pieces of it; borrowed
	cbor    bool        // the body is CBOR
}

// size is the number of bytes in the body.
func (q *request) size() int64 {
	n := int64(len(q.body))
	for _, piece := range q.data {
		n += int64(len(piece))
	}
	return n
}

// open returns a reader of the body.
func (q *request) open() io.ReadCloser {
	if q.data == nil {
		return io.NopCloser(bytes.NewReader(q.body))
	}
	// net.Buffers consumes what it is made of.
	pieces := append(net.Buffers(nil), q.data...)
	return io.NopCloser(&pieces)
}

// do makes a request, and answers when the headers of the answer are there. The
// caller closes the body. Errors name the request.
func (c *Client) do(ctx context.Context, q *request) (*http.Response, error) {
	r, err := c.prepare(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q, err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		// An url.Error repeats method and URL; what it wraps is enough.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return nil, fmt.Errorf("%s: %w", q, err)
	}
	return answer, nil
}

// String names the request in errors.
func (q *request) String() string { return q.method + " " + q.at.String() }

// prepare makes the request that a client of 1.20 would make (http_client.py
// StorageClient._request), but for Accept-Encoding.
func (c *Client) prepare(ctx context.Context, q *request) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, c.base+q.at.String(), nil)
	if err != nil {
		return nil, err
	}
	if q.headers != nil {
		r.Header = q.headers
	}
	r.Header.Set(headerAuthorization, c.auth)
	r.Header.Set(headerAccept, typeCBOR)
	r.Header.Set("User-Agent", "") // none is sent
	q.secrets.addTo(r.Header)
	if q.cbor {
		r.Header.Set(headerContentType, typeCBOR)
	}
	if r.ContentLength = q.size(); r.ContentLength > 0 {
		r.Body = q.open()
		r.GetBody = func() (io.ReadCloser, error) { return q.open(), nil }
	}
	return r, nil
}

// small makes a request whose answer has a body of at most limit bytes of CBOR,
// or none that matters if limit is 0.
func (c *Client) small(ctx context.Context, q *request, limit int64) (status int, body []byte, err error) {
	answer, err := c.do(ctx, q)
	if err != nil {
		return 0, nil, err
	}
	defer closeBody(answer)
	if answer.StatusCode >= 300 || answer.StatusCode < 200 {
		return 0, nil, q.refused(answer)
	}
	if limit == 0 {
		return answer.StatusCode, nil, nil
	}
	if mediaType(answer.Header) != typeCBOR {
		return 0, nil, q.broken("the answer is not " + typeCBOR)
	}
	if answer.ContentLength > limit {
		return 0, nil, q.broken("the answer is longer than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	body, err = readAll(answer.Body, answer.ContentLength, limit)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", q, err)
	}
	return answer.StatusCode, body, nil
}

// errAnswerSize is for answers without Content-Length.
var errAnswerSize = errors.New("the answer is too long")

// readAll reads a body of size bytes, or of up to limit if size is -1.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	if size >= 0 {
		body := make([]byte, size)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(body)) > limit {
		return nil, errAnswerSize
	}
	return body, err
}

// closeBody reads what little is left of a body, so that the connection can be
// used again, and closes it.
func closeBody(answer *http.Response) {
	_, _ = io.CopyN(io.Discard, answer.Body, 4096)
	_ = answer.Body.Close()
}

// uploadSecret draws a new one.
func (c *Client) uploadSecret() (secret.UploadSecret, error) {
	var b [uploadSecretSize]byte
	if _, err := io.ReadFull(c.random, b[:]); err != nil {
		return secret.UploadSecret{}, fmt.Errorf("draw an upload secret: %w", err)
	}
	return secret.NewUploadSecret(b[:]), nil
}
