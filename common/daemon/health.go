package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// healthCommand is the subcommand that containers call.
const healthCommand = "healthcheck"

const (
	healthPath    = "healthz"
	healthTimeout = 4 * time.Second
)

// healthcheck asks the node that runs on a base directory over its web port.
func healthcheck(ctx context.Context, baseDir string, stdout io.Writer) error {
	if _, err := nodeconf.IdentifyKind(baseDir); err != nil {
		return err
	}
	dir, err := nodeconf.OpenDir(baseDir)
	if err != nil {
		return err
	}
	url, ok, err := dir.NodeURL()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s has no node.url: the node has not been started yet, or has no web port", baseDir)
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+healthPath, nil)
	if err != nil {
		return fmt.Errorf("read node.url of %s: %w", baseDir, err)
	}
	// No proxy: the node is on this machine.
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		return fmt.Errorf("ask the node: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the node answers %s", response.Status)
	}
	fmt.Fprintln(stdout, "healthy")
	return nil
}
