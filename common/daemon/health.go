package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// healthCommand is the subcommand that containers call.
const healthCommand = "healthcheck"

const (
	healthPath    = "healthz"
	healthTimeout = 4 * time.Second
	// maxHealthAnswer is how much of the answer is looked at, in bytes.
	maxHealthAnswer = 4 << 10
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
	text, err := io.ReadAll(io.LimitReader(response.Body, maxHealthAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		// The answer says which check has failed, and to this machine why.
		return fmt.Errorf("the node answers %s: %s", response.Status, strings.Join(strings.Fields(string(text)), " "))
	}
	fmt.Fprintln(stdout, "healthy")
	return nil
}
