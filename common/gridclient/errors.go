package gridclient

// ProhibitedError says that the node's owner has forbidden to open something
// (blacklist.py FileProhibited).
type ProhibitedError struct {
	// Reason is the owner's.
	Reason string
}

// Error gives the reason in 1.20's words.
func (e *ProhibitedError) Error() string { return "Access Prohibited: " + e.Reason }
