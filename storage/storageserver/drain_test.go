package storageserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/common/storagetest"
)

// slowWrite begins to write a share of which the body comes later.
func slowWrite(t *testing.T, n *node, si grid.StorageIndex, upload []byte, size int) (body *io.PipeWriter, answer chan *http.Response) {
	t.Helper()
	reader, body := io.Pipe()
	url := "https://" + n.listener.Addr().String() + "/storage/v1/immutable/" + si.String() + "/0"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, url, reader)
	require.NoError(t, err)
	r.ContentLength = int64(size)
	r.Header.Set("Authorization", "Tahoe-LAFS "+base64.StdEncoding.EncodeToString([]byte(swissnum(t, n.fields.FURL))))
	r.Header.Set("X-Tahoe-Authorization", "upload-secret "+base64.StdEncoding.EncodeToString(upload))
	r.Header.Set("Content-Range", "bytes 0-"+strconv.Itoa(size-1)+"/*")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer = make(chan *http.Response, 1)
	go func() {
		defer close(answer)
		if a, err := client.Do(r); err == nil {
			_ = a.Body.Close()
			answer <- a
		}
	}()
	return body, answer
}

// begin starts a slow write of which the first part has arrived.
func begin(t *testing.T, n *node) (si grid.StorageIndex, data []byte, body *io.PipeWriter, answer chan *http.Response) {
	t.Helper()
	si, data = freshSI(), bytes.Repeat([]byte("slow"), 100<<10)
	upload := []byte("upload secret")
	_, _, err := n.service.Core().AllocateUploads(t.Context(), si, storagetest.Lease('a'), secret.NewUploadSecret(upload), []grid.ShareNum{0}, int64(len(data)))
	require.NoError(t, err)
	body, answer = slowWrite(t, n, si, upload, len(data))
	_, err = body.Write(data[:len(data)/2])
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		u, err := n.service.Core().FindUpload(t.Context(), si, 0, secret.NewUploadSecret(upload))
		return err == nil && u.Required()[0].Begin > 0
	}, patience, tick)
	return si, data, body, answer
}

// What has begun is finished, and nothing new begins.
func TestDrain(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "", ""))
	si, data, body, answer := begin(t, n)
	require.NoError(t, n.service.StopAccepting(t.Context()))
	_, err := n.client(t).Version(t.Context())
	require.Error(t, err, "a new connection")
	drained := make(chan error, 1)
	go func() { drained <- n.service.Drain(t.Context()) }()
	_, err = body.Write(data[len(data)/2:])
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, (<-answer).StatusCode)
	require.NoError(t, <-drained)
	got, err := read(t.Context(), n.service.Core(), si, len(data))
	require.NoError(t, err)
	require.Equal(t, data, got)
}

// Who takes too long is cut, and leaves nothing behind.
func TestDrainCuts(t *testing.T) {
	n := run(t, newConfig(t, t.TempDir(), "", ""))
	si, _, body, answer := begin(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.service.Drain(ctx), context.Canceled)
	_ = body.Close()
	require.Nil(t, <-answer)
	n.halt(t)
	again := run(t, newConfig(t, n.cfg.Dir.Path(""), "", ""))
	require.Empty(t, incoming(t, n.cfg.Dir.Path("")))
	_, err := read(t.Context(), again.client(t), si, 1)
	require.ErrorIs(t, err, grid.ErrNoShare)
}
