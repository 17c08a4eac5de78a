package localgrid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// ready is what the ready file holds.
type ready struct {
	Introducer address   `json:"introducer"`
	Helper     address   `json:"helper"`
	Nodes      []address `json:"nodes"`
	// IntroducerFURL is what others need to join.
	IntroducerFURL string `json:"introducer_furl"`
	HelperFURL     string `json:"helper_furl"`
	// RootCap is the directory that the alias tahoe stands for.
	RootCap string `json:"root_cap"`
}

// address is where a node is.
type address struct {
	Name    string `json:"name"`
	BaseDir string `json:"base_dir"`
	URL     string `json:"url"` // of the web server, with a slash at the end
	// SFTPPort is 0 for a node without SFTP.
	SFTPPort int `json:"sftp_port,omitempty"`
}

func shownHost(o Options) string {
	if o.Listen == "0.0.0.0" {
		return "127.0.0.1"
	}
	return o.Listen
}

func (m *member) address(o Options) address {
	return address{Name: m.name, BaseDir: m.base, URL: fmt.Sprintf("http://%s:%d/", shownHost(o), m.web), SFTPPort: m.sftp}
}

const (
	retryPause   = 100 * time.Millisecond
	complainTime = 15 * time.Second // how often the reason for waiting is told
	probeTimeout = time.Minute
)

// probe is more than a literal cap holds, so that servers have to store it.
var probe = bytes.Repeat([]byte("a file to see whether the grid can store files\n"), 4)

// waitUsable returns once every gateway can store a file and list the root
// directory, or ctx has ended.
func waitUsable(ctx context.Context, o Options, all []*member, out io.Writer) (ready, error) {
	helper, nodes := all[1], all[2:]
	r := ready{Introducer: all[0].address(o), Helper: helper.address(o)}
	var err1, err2, err3 error
	r.IntroducerFURL, err1 = all[0].private(nodeconf.IntroducerFURLName)
	r.HelperFURL, err2 = helper.private(nodeconf.HelperFURLName)
	r.RootCap, err3 = helper.rootCap()
	if err := errors.Join(err1, err2, err3); err != nil {
		return r, err
	}
	for _, m := range nodes {
		r.Nodes = append(r.Nodes, m.address(o))
		if err := m.copyAliases(helper); err != nil {
			return r, err
		}
	}
	for _, m := range all[1:] {
		base := m.address(o).URL
		if err := insist(ctx, out, m.name, func(ctx context.Context) error {
			if err := request(ctx, http.MethodPut, base+"uri", bytes.NewReader(probe)); err != nil {
				return err
			}
			return request(ctx, http.MethodGet, base+"uri/"+url.PathEscape(r.RootCap)+"?t=json", nil)
		}); err != nil {
			return r, err
		}
	}
	return r, nil
}

// rootCap is the directory of the alias tahoe, which the helper has made.
func (m *member) rootCap() (string, error) {
	dir, err := nodeconf.OpenDir(m.base)
	if err != nil {
		return "", err
	}
	aliases, err := dir.Aliases()
	if err != nil {
		return "", err
	}
	for _, alias := range aliases {
		if alias.Name == "tahoe" {
			return alias.Cap.RevealString(), nil
		}
	}
	return "", fmt.Errorf("%s has no alias tahoe in private/aliases", m.name)
}

// insist tries until there is no error or ctx ends, and tells why it waits.
func insist(ctx context.Context, out io.Writer, name string, try func(context.Context) error) error {
	told := time.Now()
	for {
		err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if time.Since(told) > complainTime {
			told = time.Now()
			fmt.Fprintf(out, "waiting for %s: %v\n", name, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryPause):
		}
	}
}

// request returns nil if the answer is a success. Errors hold no URL, in which
// there may be a cap.
func request(ctx context.Context, method, target string, body io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return errors.New("bad address")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	return err
}
