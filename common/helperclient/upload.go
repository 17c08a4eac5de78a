package helperclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/foolscap"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/helperrpc"
	"github.com/besn0847/arm-tahoe/common/placement"
	"github.com/besn0847/arm-tahoe/common/sharelayout"
	"github.com/besn0847/arm-tahoe/common/ueb"
	"github.com/besn0847/arm-tahoe/common/upload"
)

// UntrueError says that what a helper answered cannot be, or is about another
// file. Uploading without the helper makes a file that is right.
type UntrueError struct{ Err error }

// Error gives the reason.
func (e *UntrueError) Error() string {
	return fmt.Sprintf("the helper's answer is not about this file, which is not stored: %v", e.Err)
}

// Unwrap returns the reason.
func (e *UntrueError) Unwrap() error { return e.Err }

// Upload has a file stored by the helper; it is immutable.Pusher. The result lists
// servers as the helper names them; for a file that was uploaded those that it
// pushed shares to, for one that was in the grid all that have some.
//
// Errors: [ErrNotConnected] if there is no helper or it does not come back,
// [*UntrueError], [*upload.UnhappinessError] with the helper's words,
// [*chkencode.ShortError] and other errors of the source, a
// [*foolscap.RemoteError] for others of the helper, and that of ctx.
func (c *Client) Upload(ctx context.Context, req upload.Request) (*upload.Result, error) {
	start := time.Now()
	ref, _ := c.current()
	if ref == nil {
		return nil, ErrNotConnected
	}
	var lost error // of the attempt before
	for {
		result, err := c.attempt(ctx, ref, req, start)
		if lost != nil && errors.Is(err, upload.ErrOnce) {
			return nil, fmt.Errorf("%w, and %w", lost, err)
		}
		if err == nil || !errors.Is(err, foolscap.ErrDisconnected) || ctx.Err() != nil || c.cfg.RetryTime < 0 {
			return result, err
		}
		lost = err
		c.log.Info("connection to the helper lost during an upload", "si", req.SI.Abbrev(), "err", err)
		var gone error
		if ref, gone = c.await(ctx, c.cfg.RetryTime); gone != nil {
			return nil, fmt.Errorf("%w, after: %w", gone, err)
		}
	}
}

// attempt uploads over one connection, and releases the handle.
func (c *Client) attempt(ctx context.Context, ref *foolscap.Reference, req upload.Request, start time.Time) (*upload.Result, error) {
	defer ref.Release()
	s, err := openStream(req)
	if err != nil {
		return nil, err
	}
	defer s.end()
	results, err := talk(ctx, helperrpc.Helper{Reference: ref}, s)
	if err != nil {
		return nil, errorOf(s, err)
	}
	block, err := check(req, results)
	if err != nil {
		return nil, &UntrueError{err}
	}
	root, err := s.root(ctx)
	if err != nil {
		return nil, err
	}
	if root != block.CiphertextRootHash() {
		return nil, &UntrueError{errors.New("its ciphertext is another: somebody else has stored or uploads something under the same storage index")}
	}
	return resultOf(req, results, start), nil
}

// talk asks the helper for the file and uploads it if needed.
func talk(ctx context.Context, helper helperrpc.Helper, s *stream) (*helperrpc.Results, error) {
	results, up, err := helper.UploadCHK(ctx, s.req.SI)
	if err != nil || up == nil {
		return results, err
	}
	defer up.Release()
	return up.Upload(ctx, helperrpc.NewReader(s))
}

// Types of the helper's failures that mean the same as errors of package upload.
const (
	unhappiness = "UploadUnhappinessError"
	noServers   = "NoServersError"
)

// errorOf says why the helper could not store the file.
func errorOf(s *stream, err error) error {
	if own := s.failure(); own != nil {
		return own
	}
	var remote *foolscap.RemoteError
	if !errors.As(err, &remote) {
		return err
	}
	switch class := remote.Type[strings.LastIndexByte(remote.Type, '.')+1:]; class {
	case unhappiness, noServers:
		return &upload.UnhappinessError{Reason: "the helper says: " + remote.Value}
	}
	return err
}

// check compares results with what was asked for. Their hash is that of their UEB.
func check(req upload.Request, r *helperrpc.Results) (*ueb.UEB, error) {
	block, err := ueb.Parse(r.UEB)
	if err != nil {
		return nil, err
	}
	segments, err := block.Check(req.Params.K, req.Params.N, req.Segments.Size)
	if err != nil {
		return nil, err
	}
	if segments.SegmentSize != req.Segments.SegmentSize {
		return nil, fmt.Errorf("segments of %d bytes instead of %d", segments.SegmentSize, req.Segments.SegmentSize)
	}
	if r.FileSize != helperrpc.Unknown && r.FileSize != req.Segments.Size {
		return nil, fmt.Errorf("a file of %d bytes instead of %d", r.FileSize, req.Segments.Size)
	}
	return block, nil
}

// resultOf tells of the upload as package upload does.
func resultOf(req upload.Request, r *helperrpc.Results, start time.Time) *upload.Result {
	result := &upload.Result{
		UEB: r.UEB, UEBHash: r.UEBHash, Size: req.Segments.Size,
		Happiness: placement.Happiness(r.ShareMap), Preexisting: r.Preexisting, Pushed: r.Pushed,
		Timings: upload.Timings{
			Selection: seconds(r.Timings["peer_selection"]), Push: seconds(r.Timings["total_encode_and_push"]),
			Total: time.Since(start),
		},
	}
	if layout, err := sharelayout.New(req.Segments, req.Params.N, len(r.UEB)); err == nil {
		result.ShareSize = layout.AllocatedSize()
	}
	result.Servers = serversOf(r)
	return result
}

// seconds is a time that a helper says.
func seconds(s float64) time.Duration {
	if !(s >= 0 && s < 1e9) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

func serversOf(r *helperrpc.Results) []upload.ServerResult {
	byID := make(map[grid.ServerID]*upload.ServerResult)
	for n, ids := range r.ShareMap {
		for _, id := range ids {
			if byID[id] == nil {
				byID[id] = &upload.ServerResult{ID: id}
			}
			if s := byID[id]; r.Pushed > 0 {
				s.Pushed = append(s.Pushed, n)
			} else {
				s.Existing = append(s.Existing, n)
			}
		}
	}
	var servers []upload.ServerResult
	for _, s := range byID {
		slices.Sort(s.Existing)
		slices.Sort(s.Pushed)
		servers = append(servers, *s)
	}
	slices.SortFunc(servers, func(a, b upload.ServerResult) int { return cmp.Compare(a.ID, b.ID) })
	return servers
}
