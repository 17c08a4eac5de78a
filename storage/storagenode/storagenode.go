// Package storagenode adds the storage service to a client node. The mains of
// storage and tahoe use it.
//
// It belongs to the role storage, and stands between package storageserver,
// which knows no client engine, and package clientnode.
package storagenode

import (
	"context"
	"math"
	"net"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/clientnode"
	"github.com/besn0847/arm-tahoe/common/daemon"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/nodetub"
	"github.com/besn0847/arm-tahoe/common/webapi"
	"github.com/besn0847/arm-tahoe/storage/storageserver"
)

// TubOptions are what a storage service wants of the Tub.
func TubOptions() nodetub.Options {
	return nodetub.Options{
		Limits: storageserver.TubLimits(),
		Limit: func(listener net.Listener) net.Listener {
			return storageserver.LimitPeers(listener, storageserver.MaxConnsPerPeer)
		},
	}
}

// Start is a clientnode.Start.
func Start(_ context.Context, n *clientnode.Node) error {
	service, err := storageserver.Open(storageserver.Config{
		Dir: n.Dir, Node: n.Config, Certificate: n.Tub.Certificate, NodeKey: n.Key.VerifyingKey(),
		Token: n.PreviousToken, NextToken: n.Token, Log: n.Log,
	})
	if err != nil {
		return err
	}
	addSteps(n.Shutdown, service)
	if https := service.OtherProtocol(); https != nil {
		n.Tub.ServeOther(https)
	}
	fields, err := service.Attach(n.Tub.Tub)
	if err != nil {
		return err
	}
	seed, err := grid.ParsePermutationSeed(fields.PermutationSeed)
	if err != nil {
		return err
	}
	n.Local = &broker.Local{
		ID: n.Key.VerifyingKey().ServerID(), Nickname: n.Config.Node.Nickname,
		Seed: seed, TubID: n.Tub.TubID(), Storage: service.Core(),
	}
	mount(n.Web, service)
	return n.Introducers.Publish(fields.ServiceName, *fields)
}

// addSteps has the service end: it drains before the Tub does, which was opened
// before, and closes after that.
func addSteps(shutdown *daemon.Shutdown, service *storageserver.Service) {
	shutdown.Add(daemon.StopAccepting, "storage service", service.StopAccepting)
	shutdown.Add(daemon.Drain, "storage service", service.Drain)
	shutdown.Add(daemon.Close, "storage service", service.Close)
}

func mount(web *webapi.Server, service *storageserver.Service) {
	if web == nil {
		return
	}
	web.Handle(webapi.Public, "/storage", storageserver.StatusHandler(service))
	web.Health().Register("storage", func(ctx context.Context) error {
		_, err := service.Core().Version(ctx)
		return err
	})
	web.Stats().ProduceCounters(service.Counters)
	web.Stats().Produce(func(values webapi.Values) { addStatistics(values, service.Stats()) })
}

// addStatistics converts what has a number, or is known to have none.
func addStatistics(values webapi.Values, stats map[string]any) {
	for name, value := range stats {
		switch value := value.(type) {
		case int64:
			values[name] = float64(value)
		case float64:
			values[name] = value
		case nil:
			values[name] = math.NaN()
		}
	}
}
