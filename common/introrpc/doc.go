// Package introrpc calls and serves the two remote interfaces of introduction,
// over Foolscap:
//
//   - RIIntroducerPublisherAndSubscriberService_v2, of the introducer:
//     [NewService] serves it, [Introducer] calls it
//   - RIIntroducerSubscriberClient_v2, of whoever wants announcements:
//     [NewSubscriber] serves it, [Subscriber] calls it
//
// It belongs to layer L2. It checks shapes and sizes, and turns errors of package
// announce into the failures that 1.20 sends; signatures, sequence numbers and
// who knows what are left to introserver and introclient. The source is
// introducer/interfaces.py of Tahoe-LAFS 1.20.0, and what server.py and client.py
// there do with values of the type Any.
//
// # The calls
//
//	get_version() -> dict bytes->any: application-version, and one key for the
//	    version of the protocol
//	publish_v2(announcement=(tuple MSG SIG KEY), canary=my-reference) -> None
//	subscribe_v2(subscriber=my-reference, service_name=bytes,
//	    subscriber_info=dict bytes->any) -> None
//	announce_v2(announcements=(set (tuple MSG SIG KEY) ..)) -> None
//
// # What is refused here and not by 1.20
//
// Everything beyond the limits of this package. A malformed element of
// announce_v2 is skipped; 1.20 skips bad signatures only, and gives up the rest
// of the message for anything else.
package introrpc
