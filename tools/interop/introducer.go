package interop

import "testing"

// Introducer is an introducer, Python's or ours. It has what a Node has; WaitConnected and
// filesystem commands of Tahoe do not work on it.
type Introducer struct {
	*Node
	furl string
}

// StartIntroducer starts an introducer and returns when it is ready. It is
// cleaned up like a node.
func (r *Root) StartIntroducer(t testing.TB, options IntroducerOptions) *Introducer {
	t.Helper()
	node := r.newNode(t, introducerKind, "introducer", NodeOptions{
		Name: options.Name, BaseDir: options.BaseDir, ExtraConfig: options.ExtraConfig, Ours: options.Ours,
	})
	node.launch(t)
	node.await(t)
	return &Introducer{Node: node, furl: node.FURL(t, "introducer.furl")}
}

// FURL returns the introducer's FURL.
func (in *Introducer) FURL() string { return in.furl }
