package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/besn0847/arm-tahoe/common/version"
)

// idleTimeout is how long a connection is kept for the next request. Gateways
// close idle ones after a minute (Twisted's site); ours go first, so that no
// request is lost on one that is just being closed.
const idleTimeout = 10 * time.Second

// ioBuffer is the size in bytes of the buffers of a connection.
const ioBuffer = 64 << 10

// maxIdle bounds the idle connections; requests side by side may be more.
const maxIdle = 8

// Client speaks to one gateway. Its methods may be called concurrently.
type Client struct {
	base string // with a slash at the end
	http http.Client
}

// New returns a client of the gateway at a URL, with or without a slash at the
// end. Nothing is sent yet. Close the client in the end.
func New(base string) *Client {
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	transport := &http.Transport{
		DisableCompression: true, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: maxIdle,
		ReadBufferSize: ioBuffer, WriteBufferSize: ioBuffer,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, http: http.Client{Transport: transport, CheckRedirect: stay}}
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Body is what a request carries. The zero value is an empty body.
type Body struct {
	Reader io.Reader
	Size   int64 // in bytes, or UnknownSize
}

// UnknownSize stands for the size of a body that is sent in chunks.
const UnknownSize = -1

// Text is a body with a text.
func Text(text string) Body { return Body{Reader: strings.NewReader(text), Size: int64(len(text))} }

// Do sends a request and returns as soon as the answer begins. It does not fail:
// a gateway that does not answer gives an answer with the status Unreachable.
// Close the answer. Where that came before the end of the body, the reader may be
// read from for a moment longer.
func (c *Client) Do(ctx context.Context, method string, object Object, body Body) *Answer {
	request, err := http.NewRequestWithContext(ctx, method, c.base+object.url.RevealString(), body.reader())
	if err != nil {
		return c.unreachable(err)
	}
	request.ContentLength = body.Size
	request.Header.Set("User-Agent", "arm-tahoe/"+version.Get().Version+" (tahoe-client)")
	request.Header.Set("Accept", "text/plain, application/octet-stream") // no HTML
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(err)
	}
	_, reason, _ := strings.Cut(response.Status, " ")
	return &Answer{Status: response.StatusCode, Reason: reason, Size: response.ContentLength, Body: response.Body}
}

func (b Body) reader() io.Reader {
	if b.Reader == nil || b.Size == 0 {
		return http.NoBody
	}
	return b.Reader
}

// unreachable words the error without the URL that net/http puts into it.
func (c *Client) unreachable(err error) *Answer {
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	return &Answer{
		Status: Unreachable, Reason: "Error trying to connect to " + c.base + ": " + pythonError(err),
		Err: err, Body: http.NoBody,
	}
}

// pythonError writes an error number as Python does: [Errno 111] Connection refused.
func pythonError(err error) string {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return err.Error()
	}
	text := number.Error()
	return "[Errno " + strconv.Itoa(int(number)) + "] " + strings.ToUpper(text[:1]) + text[1:]
}
