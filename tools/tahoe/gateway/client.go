package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/besn0847/arm-tahoe/common/version"
)

// ioBuffer is the size in bytes of the buffers of a connection.
const ioBuffer = 64 << 10

// Client speaks to one gateway. Its methods may be called concurrently.
type Client struct {
	base  string // with a slash at the end
	shown string // base, as it may be shown
	http  http.Client
}

// New returns a client of the gateway at a URL, with or without a slash at the
// end. Nothing is sent yet.
//
// Each request has a connection of its own, as in 1.20. That takes little on one
// machine; and where 1.20's gateway fails it writes a page without an HTTP answer
// around it, which ends only with the connection.
func New(base string) *Client {
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	transport := &http.Transport{
		DisableCompression: true, DisableKeepAlives: true, ReadBufferSize: ioBuffer, WriteBufferSize: ioBuffer,
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, shown: withoutPassword(base), http: http.Client{Transport: transport, CheckRedirect: stay}}
}

// withoutPassword takes a password out of a URL: user:password@ before the host is
// sent to the gateway, but not shown.
func withoutPassword(base string) string {
	if !strings.Contains(base, "@") {
		return base
	}
	parsed, err := url.Parse(base)
	if err != nil {
		return "its address"
	}
	return parsed.Redacted()
}

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
// without an answer of the gateway it gives one with the status Unreachable or
// Broken.
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
	var network *net.OpError
	if !errors.As(err, &network) || network.Op != "dial" {
		return &Answer{Status: Broken, Reason: "no answer of the gateway at " + c.shown + " is understood: " + err.Error(), Err: err, Body: http.NoBody}
	}
	return &Answer{
		Status: Unreachable, Reason: "Error trying to connect to " + c.shown + ": " + pythonError(err),
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
