package sharecontainer

import (
	"path"
	"strconv"
	"strings"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/grid"
)

// Names of directories below the storage directory of a node.
const (
	SharesDir     = "shares"                // finished shares
	IncomingDir   = "shares/incoming"       // shares being uploaded; emptied at every start
	AdvisoriesDir = "corruption-advisories" // reports of clients, see Advisory
)

// BucketPath is the directory of all shares of si on a server, below SharesDir
// or IncomingDir, with slashes: "PP/SI", where PP are the first two characters
// of SI. 1.20.0: storage/common.py storage_index_to_dir.
func BucketPath(si grid.StorageIndex) string { return path.Join(si.Prefix(), si.String()) }

// SharePath is the file of one share, below SharesDir or IncomingDir, with
// slashes: "PP/SI/SHNUM".
func SharePath(si grid.StorageIndex, n grid.ShareNum) string {
	return path.Join(BucketPath(si), strconv.Itoa(int(n)))
}

// ParseShareName reads the name of a share file; other names in a bucket are
// to be passed over. 1.20 takes any row of digits (server.py NUM_RE) and finds
// share 7 under the names "7" and "007"; it only ever writes the first, and no
// share has a number above 255, so that only names that [SharePath] makes are
// accepted here.
func ParseShareName(name string) (grid.ShareNum, bool) {
	n, err := strconv.ParseUint(name, 10, 16)
	num := grid.ShareNum(n)
	return num, err == nil && num.Valid() && strconv.Itoa(int(num)) == name
}

// ParseBucketName reads the name of a bucket's directory in the directory of a
// prefix; other names are to be passed over.
func ParseBucketName(prefix, name string) (grid.StorageIndex, bool) {
	si, err := grid.ParseStorageIndex(name)
	return si, err == nil && si.Prefix() == prefix
}

// IsPrefixName reports whether a directory in SharesDir holds buckets: its
// name is two characters of base 32. "incoming" is the only other one there.
func IsPrefixName(name string) bool {
	return len(name) == 2 && strings.Trim(name, base32.Alphabet) == ""
}
