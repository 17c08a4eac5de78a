package webfiles

// Limits of what a request may bring and of how many are served at a time.
const (
	// MaxChildren bounds the JSON of t=set_children and t=mkdir-*, in bytes.
	MaxChildren = 32 << 20
	// MaxField bounds one field of a form that is no file, and the body of
	// PUT t=uri. Caps of 1 MiB are possible and absurd.
	MaxField = 256 << 10
	// MaxFields bounds all fields of a form together.
	MaxFields = 1 << 20
	// MaxTransfers is how many files are sent or received at a time; the next
	// wait. A transfer takes some segments, so a few MiB.
	MaxTransfers = 32
)
