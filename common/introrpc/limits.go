package introrpc

import (
	"github.com/besn0847/arm-tahoe/common/announce"
	"github.com/besn0847/arm-tahoe/common/banana"
)

// Limits on what peers send. Tahoe has none.
const (
	MaxServiceName   = 100      // bytes
	MaxInfoText      = 256      // bytes of a text in SubscriberInfo; longer ones are cut
	MaxInfoKeys      = 100      // in SubscriberInfo
	MaxAnnouncements = 10_000   // in one announce_v2
	MaxAnnounceSize  = 24 << 20 // bytes of one announce_v2, with 64 for each value

	// maxKeyText bounds the texts of signatures and keys, which have 103 and 52
	// characters; others are no signature, which the receiver finds out.
	maxKeyText = 256
	// maxDepth is more than any of the calls nests, a dict of versions included.
	maxDepth = 10
	// maxSmall bounds the memory of calls without an announcement. Nodes of before
	// 1.11 send the versions of their libraries.
	maxSmall = 32 << 10
)

// serviceLimits lowers the limits of a call to an introducer.
func serviceLimits(method string, limits *banana.Limits) {
	lower(limits, maxSmall, 8<<10)
	if method == methodPublish {
		*limits = banana.Limits{Message: announce.MaxMessageSize + 8<<10, String: announce.MaxMessageSize, Depth: limits.Depth}
	}
}

// subscriberLimits lowers the limits of a call to a subscriber.
func subscriberLimits(limits *banana.Limits) {
	lower(limits, MaxAnnounceSize, announce.MaxMessageSize)
}

func lower(limits *banana.Limits, message, text int64) {
	limits.Message = min(limits.Message, message)
	limits.String = min(limits.String, text)
	limits.Depth = min(limits.Depth, maxDepth)
}
