package uri

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata
var testdata embed.FS

func readVectors(t testing.TB, name string, vectors any) {
	t.Helper()
	raw, err := testdata.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, vectors))
}

// text is a string of bytes, each a character in JSON.
type text string

func (x *text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	*x = text(b)
	return nil
}

// classes gives the kind for the name of each class in uri.py.
var classes = map[string]Kind{
	"CHKFileURI":                    KindCHK,
	"CHKFileVerifierURI":            KindCHKVerify,
	"LiteralFileURI":                KindLiteral,
	"WriteableSSKFileURI":           KindSSK,
	"ReadonlySSKFileURI":            KindSSKRead,
	"SSKVerifierURI":                KindSSKVerify,
	"WriteableMDMFFileURI":          KindMDMF,
	"ReadonlyMDMFFileURI":           KindMDMFRead,
	"MDMFVerifierURI":               KindMDMFVerify,
	"ImmutableDirectoryURI":         KindDirCHK,
	"ImmutableDirectoryURIVerifier": KindDirCHKVerify,
	"LiteralDirectoryURI":           KindDirLiteral,
	"DirectoryURI":                  KindDirSSK,
	"ReadonlyDirectoryURI":          KindDirSSKRead,
	"DirectoryURIVerifier":          KindDirSSKVerify,
	"MDMFDirectoryURI":              KindDirMDMF,
	"ReadonlyMDMFDirectoryURI":      KindDirMDMFRead,
	"MDMFDirectoryURIVerifier":      KindDirMDMFVerify,
	"UnknownURI":                    KindUnknown,
}

// errorClass returns the name of the exception in Tahoe-LAFS, or "".
func errorClass(err error) string {
	var parse *ParseError
	var constraint *ConstraintError
	switch {
	case errors.As(err, &parse):
		return "BadURIError"
	case errors.As(err, &constraint):
		return map[Constraint]string{
			MustBeDeepImmutable: "MustBeDeepImmutableError",
			MustBeReadOnly:      "MustBeReadonlyError",
			MustNotBeUnknownRW:  "MustNotBeUnknownRWError",
		}[constraint.Constraint]
	case err != nil:
		return err.Error()
	}
	return ""
}

func TestCapVectors(t *testing.T) {
	var rows []struct {
		Cap          string  `json:"cap"`
		Class        string  `json:"class"`
		StorageIndex *string `json:"storage_index"`
		ReadOnly     string  `json:"readonly"`
		Verify       *string `json:"verify"`
	}
	readVectors(t, "caps.json", &rows)
	require.Len(t, rows, 13)
	for _, row := range rows {
		t.Run(row.Class+" "+row.Cap, func(t *testing.T) {
			c, err := Parse(row.Cap)
			require.NoError(t, err)
			require.Equal(t, classes[row.Class], c.Kind())
			require.Equal(t, row.Cap, c.Text())
			require.Equal(t, row.ReadOnly, c.ReadOnly().Text())
			if si, ok := c.StorageIndex(); ok {
				require.Equal(t, *row.StorageIndex, si.String())
				require.Equal(t, *row.Verify, c.Verifier().Text())
			} else {
				require.Nil(t, row.StorageIndex)
				require.Nil(t, row.Verify)
				require.Nil(t, c.Verifier())
			}
		})
	}
}

type kindVector struct {
	Cap          string  `json:"cap"`
	Class        string  `json:"class"`
	IsReadOnly   bool    `json:"is_readonly"`
	IsMutable    bool    `json:"is_mutable"`
	ReadOnly     string  `json:"readonly"`
	Verify       *string `json:"verify"`
	StorageIndex *string `json:"storage_index_hex"`
}

func readKinds(t testing.TB) (rows []kindVector) {
	t.Helper()
	readVectors(t, "kinds.json", &rows)
	require.Len(t, rows, int(numKinds)-1, "one cap of each known kind")
	return rows
}

// unprintable holds the kinds whose verify caps 1.20 derives but cannot print:
// _DirectoryBaseURI.get_verify_cap makes a DirectoryURIVerifier of them.
var unprintable = map[Kind]bool{KindDirCHKVerify: true, KindDirMDMFVerify: true}

func TestEveryKind(t *testing.T) {
	seen := map[Kind]bool{}
	for _, row := range readKinds(t) {
		t.Run(row.Class, func(t *testing.T) {
			c, err := Parse(row.Cap)
			require.NoError(t, err)
			kind := c.Kind()
			seen[kind] = true
			require.Equal(t, classes[row.Class], kind)
			require.Equal(t, row.Cap, c.Text())
			require.True(t, kind.IsKnown())
			require.Equal(t, row.IsReadOnly, !kind.IsWritable())
			require.Equal(t, row.IsMutable, kind.IsMutable())
			require.Equal(t, row.ReadOnly, c.ReadOnly().Text())
			si, ok := c.StorageIndex()
			require.Equal(t, row.StorageIndex != nil, ok)
			if ok {
				require.Equal(t, *row.StorageIndex, hex.EncodeToString(si[:]))
			}
			switch {
			case row.Verify == nil:
				require.Nil(t, c.Verifier())
			case *row.Verify == "AssertionError":
				require.True(t, unprintable[kind])
				require.Equal(t, row.Cap, c.Verifier().Text())
			default:
				require.Equal(t, *row.Verify, c.Verifier().Text())
			}
			if directory, ok := c.(Directory); ok {
				require.True(t, kind.IsDirectory())
				again, err := NewDirectory(directory.File())
				require.NoError(t, err)
				require.True(t, Equal(c, again))
			}
		})
	}
	require.Len(t, seen, int(numKinds)-1)
}

func TestFromStringVectors(t *testing.T) {
	var rows []struct {
		What          string  `json:"what"`
		Text          text    `json:"text"`
		DeepImmutable bool    `json:"deep_immutable"`
		Class         string  `json:"class"`
		ToString      *text   `json:"to_string"`
		Error         *string `json:"error"`
	}
	readVectors(t, "from-string.json", &rows)
	require.Greater(t, len(rows), 500)
	for _, row := range rows {
		t.Run(fmt.Sprintf("%s, deep=%v", row.What, row.DeepImmutable), func(t *testing.T) {
			c := FromText(string(row.Text), row.DeepImmutable)
			require.Equal(t, classes[row.Class], c.Kind())
			want := row.Text
			if row.ToString != nil {
				want = *row.ToString
			}
			require.Equal(t, string(want), c.Text())

			wantError := ""
			if row.Error != nil {
				wantError = *row.Error
			}
			unknown, ok := c.(Unknown)
			require.Equal(t, row.Class == "UnknownURI", ok)
			require.Equal(t, wantError, errorClass(unknown.Err()))
			if !row.DeepImmutable {
				_, err := Parse(string(row.Text))
				require.Equal(t, ok, err != nil, "Parse agrees")
			}
		})
	}
}

func TestChildVectors(t *testing.T) {
	var rows []struct {
		Write              text    `json:"write"`
		Read               text    `json:"read"`
		DeepImmutable      bool    `json:"deep_immutable"`
		IsUnknown          bool    `json:"is_unknown"`
		WriteURI           text    `json:"write_uri"` // null and the empty text are the same here
		ReadOnlyURI        text    `json:"readonly_uri"`
		AllowedInImmutable bool    `json:"is_allowed_in_immutable_directory"`
		AllegedImmutable   bool    `json:"is_alleged_immutable"`
		Error              *string `json:"error"`
		ReadSlot           []text  `json:"read_slot"`
	}
	readVectors(t, "child.json", &rows)
	require.Greater(t, len(rows), 200)
	for _, row := range rows {
		t.Run(fmt.Sprintf("write %q, read %q, deep=%v", row.Write, row.Read, row.DeepImmutable), func(t *testing.T) {
			child := NewChild(string(row.Write), string(row.Read), row.DeepImmutable)
			_, known := child.Known()
			require.Equal(t, row.IsUnknown, !known)
			require.Equal(t, string(row.WriteURI), child.WriteText())
			require.Equal(t, string(row.ReadOnlyURI), child.ReadText())
			require.Equal(t, row.AllowedInImmutable, child.AllowedInImmutable())
			require.Equal(t, row.AllegedImmutable, child.AllegedImmutable())
			wantError := ""
			if row.Error != nil {
				wantError = *row.Error
			}
			require.Equal(t, wantError, errorClass(child.Err()))
			require.Equal(t, string(row.ReadSlot[0]), child.ReadSlot(false))
			require.Equal(t, string(row.ReadSlot[1]), child.ReadSlot(true))
		})
	}
}
