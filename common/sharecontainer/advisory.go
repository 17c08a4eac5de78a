package sharecontainer

import (
	"fmt"
	"strings"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Advisory is a client's report that a share is corrupt. A server writes it
// into a file of its own and does nothing else: the client may be lying.
type Advisory struct {
	Kind         Kind
	StorageIndex grid.StorageIndex
	ShareNum     grid.ShareNum
	Reason       string // the client's words, any text
}

// Text is the contents of the file. Bytes of the reason that are not UTF-8 are
// replaced by U+FFFD; 1.20 fails to write such a report. 1.20.0: server.py
// render_corruption_report.
func (a Advisory) Text() string {
	return fmt.Sprintf("report: Share Corruption\ntype: %s\nstorage_index: %s\nshare_number: %d\n\n%s\n\n",
		a.Kind, a.StorageIndex, a.ShareNum, strings.ToValidUTF8(a.Reason, "\uFFFD"))
}

// FileName is the name of the file in AdvisoriesDir, without a directory:
// "YYYY-MM-DDTHHMMSS.ffffff--SI-SHNUM" in UTC, without the fraction if it is
// zero. It contains no colon, for Windows. Two reports on one share within a
// microsecond have the same name. 1.20.0: server.py
// get_corruption_report_path.
func (a Advisory) FileName(now time.Time) string {
	now = now.UTC().Truncate(time.Microsecond)
	layout := "2006-01-02T150405.000000"
	if now.Nanosecond() == 0 {
		layout = "2006-01-02T150405"
	}
	return fmt.Sprintf("%s--%s-%d", now.Format(layout), a.StorageIndex, a.ShareNum)
}
