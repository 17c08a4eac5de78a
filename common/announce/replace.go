package announce

import "encoding/json"

// Decision is the outcome of [Compare].
type Decision int

// The decisions. Only the first two accept the new announcement.
const (
	New               Decision = iota // nothing was known
	Update                            // takes the place of the old one
	Duplicate                         // same content
	NoSeqnum                          // the old one has a seqnum, the new one no integer
	OldSeqnum                         // the new seqnum is not greater: a replay
	IncomparableKnown                 // the old one has a seqnum that is no number
)

// Accept reports whether the new announcement is to be kept and passed on.
func (d Decision) Accept() bool { return d == New || d == Update }

func (d Decision) String() string {
	switch d {
	case New:
		return "new"
	case Update:
		return "update"
	case Duplicate:
		return "duplicate"
	case NoSeqnum:
		return "no valid sequence number"
	case OldSeqnum:
		return "sequence number too old"
	default:
		return "known sequence number is no number"
	}
}

// Compare decides whether an announcement replaces the known one of the same
// [Index], or nil. The rule is the same in 1.20's introducer (server.py
// _publish) and client (client.py _process_announcement); a publisher is
// answered None in every case.
//
// If the known announcement has a sequence number, the new one needs a greater
// integer. 1.20 raises a TypeError if the known one is not a number, so it
// stays for ever; so it does here.
func Compare(known, announced *Announcement) Decision {
	switch {
	case known == nil:
		return New
	case equalObjects(known.object, announced.object):
		return Duplicate
	}
	old := known.object.get(fieldSeqnum)
	if old == nil {
		return Update
	}
	seqnum, ok := parseNumber(announced.object.get(fieldSeqnum))
	if !ok || seqnum.whole == nil {
		return NoSeqnum
	}
	limit, ok := parseNumber(old)
	if !ok {
		return IncomparableKnown
	}
	if seqnum.compare(limit) <= 0 {
		return OldSeqnum
	}
	return Update
}

func parseNumber(value json.RawMessage) (number, bool) {
	if value == nil {
		return number{}, false
	}
	v, err := parseValue(value)
	if err != nil {
		return number{}, false
	}
	return newNumber(v)
}

func equalObjects(a, b object) bool {
	if len(a) != len(b) {
		return false
	}
	for _, m := range a {
		other := b.get(m.Name)
		if other == nil || !equalRaw(m.Value, other) {
			return false
		}
	}
	return true
}

func equalRaw(a, b json.RawMessage) bool {
	if string(a) == string(b) {
		return true
	}
	x, errX := parseValue(a)
	y, errY := parseValue(b)
	return errX == nil && errY == nil && equalValues(x, y)
}
