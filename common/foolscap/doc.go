// Package foolscap speaks Foolscap: remote calls between Tubs over one
// authenticated connection, in both directions.
//
// It belongs to layer L2, above banana (the serialization) and furl (the
// addresses), and follows negotiate.py, broker.py, call.py, referenceable.py,
// pb.py and reconnector.py of Foolscap 24.9.0, and protocol_switch.py of
// Tahoe-LAFS 1.20.0. It knows no remote interface of Tahoe.
//
// # A server
//
//	type counter struct{ n atomic.Int64 }
//
//	func (*counter) RemoteInterface() string { return "RICounter.example.org" }
//
//	func (c *counter) RemoteCall(ctx context.Context, r *foolscap.Request) (banana.Value, error) {
//		switch r.Method {
//		case "add": // add(amount=int), returns int
//			a := r.Args("amount")
//			amount := a.Int(0, 0, 1000)
//			if err := a.Err(); err != nil {
//				return nil, err // a Violation at the caller
//			}
//			return banana.Int(c.n.Add(amount)), nil
//		}
//		return nil, foolscap.UnknownMethod(r, c.RemoteInterface())
//	}
//
//	tub, err := foolscap.New(foolscap.Options{Certificate: cert, Logger: log})
//	tub.SetLocation([]string{"tcp:example.org:44190"})
//	address, err := tub.Register(&counter{}, swissnum)
//	go tub.Serve(ctx, listener)
//
// # A client
//
//	type Counter struct{ ref *foolscap.Reference }
//
//	func (c Counter) Add(ctx context.Context, amount int64) (int64, error) {
//		v, err := c.ref.Call(ctx, "add", banana.Int(amount))
//		if err != nil {
//			return 0, err
//		}
//		return foolscap.AsInt(v, 0, math.MaxInt64)
//	}
//
//	ref, err := tub.GetReference(ctx, address)
//	defer ref.Release()
//	n, err := Counter{ref}.Add(ctx, 7)
//
// A client that wants to stay connected uses [Tub.Connect]. An object is passed
// to a peer as [Object]{obj}, in arguments or answers.
//
// # Order and concurrency
//
// Calls on one connection are served one after another, in the order sent: Tahoe
// relies on it. A handler that may take long or waits for a peer calls
// [Request.Unblock]. Connections do not wait for each other. Answers of ours may
// overtake calls of ours.
//
// # What peers can do
//
// Everything a peer can make a Tub hold is bounded by [Limits], and by time:
// FirstBytesTimeout, NegotiationTimeout, MessageStall, WriteStall. What does not
// fit a schema is a Violation at the caller and the connection goes on; a stream
// that makes no sense ends it. No FURL, swissnum or argument is ever logged.
//
// # What is left out
//
// Gifts (references to third parties) are refused, as Tahoe configures
// Foolscap. Bound methods (negative object numbers) are not called. The option
// handle-old-duplicate-connections does not exist. Objects that are passed
// without having been registered carry no FURL; only gifts would need it.
package foolscap
