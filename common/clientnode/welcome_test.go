package clientnode

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

// TestDescribe holds the JSON of the welcome page against 1.20's, whose command line
// and whose users' scripts read it.
func TestDescribe(t *testing.T) {
	since := time.Unix(1_700_000_000, 500_000_000)
	version := grid.ServerVersion{ApplicationVersion: "tahoe-lafs/1.20.0", AvailableSpace: 5000}
	tests := []struct {
		status broker.Status
		want   string
	}{
		{
			broker.Status{ID: "v0-abc", Nickname: "näme", Connected: true, Since: since, Protocol: broker.ProtocolHTTPS, Version: version},
			`{"nodeid": "v0-abc", "nickname": "näme", "connection_status": "connected", "available_space": 5000, "version": "tahoe-lafs/1.20.0", "last_received_data": 1700000000.5}`,
		},
		{
			broker.Status{ID: "v0-abc", Connected: true, Since: since, Protocol: broker.ProtocolFoolscap, Address: "tcp:127.0.0.1:4711", Version: version},
			`{"nodeid": "v0-abc", "nickname": "", "connection_status": "Connected to tcp:127.0.0.1:4711 via tcp", "available_space": 5000, "version": "tahoe-lafs/1.20.0", "last_received_data": 1700000000.5}`,
		},
		{
			broker.Status{ID: "v0-abc", Connected: true, Since: since, Protocol: broker.ProtocolLocal, Version: version},
			`{"nodeid": "v0-abc", "nickname": "", "connection_status": "Connected to this node", "available_space": 5000, "version": "tahoe-lafs/1.20.0", "last_received_data": 1700000000.5}`,
		},
		{
			broker.Status{ID: "v0-abc"},
			`{"nodeid": "v0-abc", "nickname": "", "connection_status": "Trying to connect", "available_space": null, "version": null, "last_received_data": null}`,
		},
		{
			broker.Status{ID: "v0-abc", Since: since, Problem: errors.New("refused"), Version: version},
			`{"nodeid": "v0-abc", "nickname": "", "connection_status": "disconnected", "available_space": 5000, "version": "tahoe-lafs/1.20.0", "last_received_data": null}`,
		},
	}
	for _, tt := range tests {
		got, err := json.Marshal(describe(tt.status))
		require.NoError(t, err)
		require.JSONEq(t, tt.want, string(got))
	}
	require.Equal(t, "refused", row(tests[4].status).Problem)
	require.Equal(t, "2023-11-14 22:13:20 UTC", row(tests[4].status).Since)
}

// TestWanted: storage starts before the grid client, which uses it, and all else
// after.
func TestWanted(t *testing.T) {
	var started []string
	start := func(name string) Start {
		return func(context.Context, *Node) error { started = append(started, name); return nil }
	}
	services := Services{Storage: start("storage"), Helper: start("helper"), SFTP: start("sftp")}
	config := &nodeconf.Config{}
	config.Storage.Enabled, config.Helper.Enabled, config.SFTP.Enabled = true, true, true
	starts, err := services.wanted(config)
	require.NoError(t, err)
	require.Len(t, starts, 4)
	for _, i := range []int{0, 2, 3} {
		require.NoError(t, starts[i](t.Context(), nil))
	}
	require.Equal(t, []string{"storage", "helper", "sftp"}, started)

	starts, err = services.wanted(&nodeconf.Config{})
	require.NoError(t, err)
	require.Len(t, starts, 1)

	services.SFTP = nil
	_, err = services.wanted(config)
	require.ErrorContains(t, err, "[sftpd] enabled = true: this program cannot serve SFTP")
}
