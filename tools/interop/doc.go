// Package interop runs the real Tahoe-LAFS 1.20 for tests: Python introducers,
// storage nodes, client nodes and helpers, and their command lines, from a root
// that tools/interop/make-root makes of Debian's packages.
//
// It is test support and belongs to no layer: only tests import it, and
// benchmarks, which use Open. It knows
// Tahoe's files, configuration and web API as a user does; formats and protocols
// are not its business.
//
// # A test with a grid
//
//	root := interop.Require(t) // skips the test where there is no root
//	in := root.StartIntroducer(t, interop.IntroducerOptions{})
//	nodes := root.StartNodes(t,
//		interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/2"},
//		interop.NodeOptions{Introducers: []string{in.FURL()}, Storage: true, Shares: "1/1/2"})
//	nodes[0].WaitConnected(t, 2)
//	fileCap := nodes[0].Tahoe(t, data, "put", "-").OK(t)
//
// # How programs run
//
// Each program gets a mount namespace of its own, in which a small shell script
// puts /dev, /proc, /sys and the test's directory into the root; then it changes
// root and becomes the program, so that the process started is the program's
// own. The kernel takes the mounts away with the process. Programs share the
// machine's network and process ids: a Python node and one of ours see each
// other's loopback ports, and running.process means the same to both. (A
// namespace of process ids would break just that: allmydata/util/pid.py only
// asks whether the recorded process exists.)
//
// # How it is cleaned up
//
// Every process is its own process group, killed in t.Cleanup. Should the test
// binary itself die, the kernel kills the programs it started
// (PR_SET_PDEATHSIG); what these started themselves is then not covered, so run
// nothing here that turns into a daemon. Base directories live in the test's
// temporary directory.
//
// # Environment
//
// ARM_TAHOE_INTEROP_ROOT names the root; otherwise it is tahoe-root in
// ARM_TAHOE_CACHE, or in ~/.cache/arm-tahoe. ARM_TAHOE_INTEROP=required makes
// Require fail where it would skip; ARM_TAHOE_INTEROP=off makes it always skip.
//
// Functions that take a testing.TB end the test on errors and must be called
// from the test's own goroutine. The package works on Linux only.
package interop
