// Package introserver is an introducer: it keeps the announcements that servers
// publish, in memory only, and tells them to everybody who subscribes.
//
// It belongs to the introducer's role and imports l0 to l2 only: it never sees
// more than signed announcements. It opens no sockets; a Tub that its caller owns
// serves [Service.Object]. The source is Tahoe-LAFS 1.20.0: introducer/server.py
// IntroducerService, web/introweb.py, introducer/common.py (the descriptors).
//
// # Who is told, and how
//
// Accepted announcements of a service stand in a journal, in the order in which
// they came; a new announcement of the same server takes the old one out. A
// subscriber is a position in it and at most one call under way, made by a
// goroutine that exists only while there is something to tell. So a slow
// subscriber costs no queue, is not told what has been replaced meanwhile, and
// nobody waits for it; one that reads nothing is cut off by the Tub.
//
// A subscription is answered when the subscriber has been told what was known, as
// in 1.20. That comes in several calls if it is much, where 1.20 makes one.
//
// # What is refused here and not by 1.20
//
// What goes beyond [Limits], with an error that says so. If there are too many
// announcements, the oldest one whose publisher is not connected any more makes
// room; 1.20 keeps all until it runs out of memory.
package introserver
