package uri

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// The secret parts of test caps, and how they look in base 32.
const (
	secret16 = "zqjxwvqzxjvwqjzv"
	secret5  = "zqjxw"
)

// secretCaps returns a cap of each kind that is a secret, made of secret16.
func secretCaps(t *testing.T) map[Kind]Cap {
	t.Helper()
	bytes16 := [16]byte([]byte(secret16))
	caps := map[Kind]Cap{KindUnknown: FromText("lafs://"+secret16, false)}
	files := []Cap{
		CHK{Key: secret.NewImmutableKey(bytes16), K: 3, N: 10, Size: 1234},
		NewLiteral([]byte(secret16)),
	}
	for _, layout := range []Layout{SDMF, MDMF} {
		files = append(files,
			MutableWrite{Layout: layout, Key: secret.NewWriteKey(bytes16)},
			MutableRead{Layout: layout, Key: secret.NewReadKey(bytes16)})
	}
	for _, file := range files {
		directory, err := NewDirectory(file)
		require.NoError(t, err)
		caps[file.Kind()], caps[directory.Kind()] = file, directory
	}
	for kind := KindUnknown; kind < numKinds; kind++ {
		require.Equal(t, !kind.IsVerifier(), caps[kind] != nil, kind)
	}
	return caps
}

// leaks holds, in lower case, what shows that a secret was printed.
var leaks = []string{
	secret5,                        // as text
	base32Of(secret16)[:9],         // in the text of a cap
	"7a716a7877",                   // %x
	"7a 71 6a 78 77",               // % x
	"0x7a, 0x71, 0x6a, 0x78, 0x77", // %#v
	"122 113 106 120 119",          // %d
	"172 161 152 170 167",          // %o
	"1111010 1110001 1101010",      // %b
	"z q j x w",                    // %c
}

func base32Of(s string) string {
	return strings.TrimPrefix(NewLiteral([]byte(s)).Text(), "URI:LIT:")
}

func leaked(printed string) bool {
	lower := strings.ToLower(printed)
	return slices.ContainsFunc(leaks, func(leak string) bool { return strings.Contains(lower, leak) })
}

func requireNoLeak(t *testing.T, printed string) {
	t.Helper()
	require.False(t, leaked(printed), printed)
}

var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%+q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%w", "%99v",
}

func logged(value any) string {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	return out.String()
}

func TestSecretCapsPrintRedacted(t *testing.T) {
	for kind, c := range secretCaps(t) {
		t.Run(kind.String(), func(t *testing.T) {
			require.True(t, leaked(c.Text()), "the test finds the real text")
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				require.Equal(t, c.String(), fmt.Sprintf(verb, c), verb)
			}
			require.Equal(t, c.String(), c.GoString())
			require.Contains(t, c.String(), kind.String())
			encoded, err := json.Marshal(c)
			require.NoError(t, err)
			require.JSONEq(t, fmt.Sprintf("%q", c.String()), string(encoded))
			require.Contains(t, logged(c), c.String())

			type exported struct{ C Cap }
			type unexported struct {
				c    Cap
				list []Cap
				err  error
			}
			wrapped := fmt.Errorf("reading %v: %w", c, fmt.Errorf("inner %s", c))
			for _, value := range []any{
				c, &c, exported{c}, &exported{c}, unexported{c, []Cap{c}, wrapped}, &unexported{c: c}, []Cap{c}, map[string]Cap{"x": c}, wrapped,
			} {
				for _, verb := range verbs {
					requireNoLeak(t, fmt.Sprintf(verb, value))
				}
				requireNoLeak(t, logged(value))
				encoded, err := json.Marshal(value)
				require.NoError(t, err)
				requireNoLeak(t, string(encoded))
			}
		})
	}
}

// Concrete types under unexported fields, where no interface leads fmt to the
// methods.
func TestUnexportedFieldsDoNotLeak(t *testing.T) {
	caps := secretCaps(t)
	value := struct {
		chk       CHK
		literal   Literal
		write     MutableWrite
		read      MutableRead
		directory Directory
		unknown   Unknown
		child     Child
		pointer   *MutableWrite
	}{
		chk:       caps[KindCHK].(CHK),
		literal:   caps[KindLiteral].(Literal),
		write:     caps[KindSSK].(MutableWrite),
		read:      caps[KindMDMFRead].(MutableRead),
		directory: caps[KindDirSSK].(Directory),
		unknown:   caps[KindUnknown].(Unknown),
		child:     ChildOf(caps[KindDirLiteral]),
	}
	value.pointer = &value.write
	for _, verb := range verbs {
		requireNoLeak(t, fmt.Sprintf(verb, value))
		requireNoLeak(t, fmt.Sprintf(verb, &value))
	}
	requireNoLeak(t, logged(value))
}

func TestChildrenDoNotLeak(t *testing.T) {
	texts := map[string]string{"known": NewLiteral([]byte(secret16)).Text(), "unknown": "ro." + secret16, "opaque": secret16}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			for _, child := range []Child{NewChild(text, "", false), NewChild("", text, false), NewChild(text, text, true)} {
				for _, verb := range verbs {
					requireNoLeak(t, fmt.Sprintf(verb, child))
					requireNoLeak(t, fmt.Sprintf(verb, struct{ c Child }{child}))
				}
				requireNoLeak(t, logged(child))
				encoded, err := json.Marshal(child)
				require.NoError(t, err)
				requireNoLeak(t, string(encoded))
			}
		})
	}
}

func TestErrorsDoNotLeak(t *testing.T) {
	key := base32Of(secret16)
	for _, text := range []string{
		secret16, "URI:" + secret16 + ":", "URI:LIT:" + key + "1", "URI:CHK:" + key + ":x", "URI:SSK:" + key + "x", "URI:SSK:" + strings.ToUpper(key),
		"ro.URI:SSK:" + key, "imm.URI:SSK-RO:" + key, "URI:DIR2-CHK:" + key + ":" + key, "x-tahoe-future-test-writeable:" + secret16,
	} {
		_, err := Parse(text)
		require.Error(t, err)
		for _, verb := range verbs {
			requireNoLeak(t, fmt.Sprintf(verb, err))
			requireNoLeak(t, fmt.Sprintf(verb, struct{ err error }{err}))
		}
		requireNoLeak(t, logged(err))
	}
}

func TestVerifyCapsPrintTheirText(t *testing.T) {
	for _, row := range readKinds(t) {
		c := mustParse(t, row.Cap)
		if !c.Kind().IsVerifier() {
			continue
		}
		require.Equal(t, row.Cap, fmt.Sprint(c))
		require.Equal(t, row.Cap, fmt.Sprintf("%x", c))
		require.Contains(t, logged(c), row.Cap)
	}
}

func TestZeroValuesPrint(t *testing.T) {
	rows := map[string]Cap{
		"[URI:CHK]":                CHK{},
		"[URI:LIT of 0 bytes]":     Literal{},
		"[URI:SSK]":                MutableWrite{},
		"[URI:MDMF-RO]":            MutableRead{Layout: MDMF},
		"[no directory]":           Directory{},
		"[unknown cap of 0 bytes]": Unknown{},
	}
	for want, c := range rows {
		require.Equal(t, want, c.String())
	}
	require.Equal(t, "[unknown child]", Child{}.String())
	require.Empty(t, Unknown{}.Text())
}

func TestStorageIndexIsShown(t *testing.T) {
	require.Equal(t, "[URI:CHK si=ecfji]", mustParse(t, "URI:CHK:"+key16+":"+key32+":3:10:1234").String())
	require.Equal(t, "[URI:DIR2 si=wgkff]", mustParse(t, "URI:DIR2:"+key16+":"+key32).String())
	require.Equal(t, "[URI:DIR2-LIT]", mustParse(t, "URI:DIR2-LIT:nbswy3dp").String())
	require.Equal(t, "[URI:LIT of 5 bytes]", mustParse(t, "URI:LIT:nbswy3dp").String())
	require.Equal(t, "[unknown cap of 8 bytes]", FromText("lafs://x", false).String())
}
