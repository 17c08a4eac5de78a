// Package webapi is the web server of every node: who may ask it what, and what
// its pages, statistics and health look like. It belongs to layer L4. What a
// service shows or does over the web is an http.Handler that its main mounts with
// Server.Handle; this package knows no caps.
//
// Sources in 1.20.0: webish.py (server, security headers), web/common.py
// (formats, errors), web/status.py class Statistics, stats.py, storage/server.py
// get_latencies. 1.20 answers everybody; the rules below are ours.
//
// # Who is answered
//
// A route is Public or Private. Private are all that take or show a cap (/uri,
// /cap, /file, /named, and /operations, whose results hold caps). A request with
// any method but GET and HEAD is treated as Private on every route.
//
//	                                this machine   with the password   anybody else
//	GET of a Public route           yes            yes                 yes
//	GET of a Private route          yes            yes                 401 or 403
//	change, any route               yes            yes                 401 or 403
//	change, from another site       403            403                 403
//	Private or change, Host unknown 403            403                 403
//	Public, Host unknown            403            yes                 yes
//
// With web.allow = all, everybody is answered under every Host, as in 1.20; only
// changes that a page of another site makes a browser send are still refused.
//
// This machine (see Local) is the loopback address, and no sign of a proxy: a
// reverse proxy on this machine would otherwise open the node to all who reach
// the proxy. Requests with Forwarded, X-Forwarded-* or the like, and those in
// HTTP/1.0, which is what nginx speaks to its backends by default, count as
// foreign. Nothing is ever believed of those headers. A proxy that passes
// connections on without a trace (socat, ssh -L, a TCP load balancer) cannot be
// told apart: whoever may use it is on this machine, as with ssh -L they are.
//
// The password comes in HTTP Basic, with any user name. It travels as plainly as
// the caps do: use it in a network that you trust, or through TLS or ssh.
//
// Host is checked against DNS rebinding: a page whose name is made to lead to
// 127.0.0.1 must not become a local program. Public pages answer foreign peers
// under any name: there is nothing to gain by it, and monitors and containers have
// names for nodes that these do not know. From the loopback address the Host
// counts on every route, with or without the headers of a proxy, because such a
// page could send these too. IP addresses are always fine.
//
// # What a peer may cost
//
// See the limits in server.go, pace.go and throttle.go: connections, headers,
// the time for headers and for each part of a body in either direction, and
// logins that wait. Bodies are streamed; their size is the handler's to bound.
package webapi
