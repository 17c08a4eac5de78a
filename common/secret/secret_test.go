package secret

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bytes of all test secrets. They are printable, so that a leak shows as
// text too, and made of letters that no Go type name or placeholder combines.
const (
	bytes16 = "zqjxwvqzxjvwqjzv"
	bytes32 = "qxzjvwxqjzwvzxqvjwqzxvjwzqvxjzwq"
)

func array16() [16]byte { return [16]byte([]byte(bytes16)) }
func array32() [32]byte { return [32]byte([]byte(bytes32)) }

// allKinds returns one secret of each kind by the name in its placeholder.
func allKinds() map[string]any {
	return map[string]any{
		"immutable key":         NewImmutableKey(array16()),
		"write key":             NewWriteKey(array16()),
		"read key":              NewReadKey(array16()),
		"data key":              NewDataKey(array16()),
		"child cap key":         NewChildCapKey(array16()),
		"lease secret":          NewLeaseSecret(array32()),
		"client renewal secret": NewClientRenewalSecret(array32()),
		"client cancel secret":  NewClientCancelSecret(array32()),
		"file renewal secret":   NewFileRenewalSecret(array32()),
		"file cancel secret":    NewFileCancelSecret(array32()),
		"lease renewal secret":  NewRenewalSecret(array32()),
		"lease cancel secret":   NewCancelSecret(array32()),
		"write enabler master":  NewWriteEnablerMaster(array32()),
		"write enabler":         NewWriteEnabler(array32()),
		"signing key":           NewSigningSeed(array32()),
		"convergence secret":    NewConvergenceSecret([]byte(bytes32)),
		"cap text":              NewCapText([]byte(bytes32)),
		"content":               NewContent([]byte(bytes16)),
		"stored lease secrets":  NewStoredLease([]byte(bytes32)),
		"swissnum":              NewSwissnum([]byte(bytes32)),
		"upload secret":         NewUploadSecret([]byte(bytes32)),
	}
}

// window is how many consecutive bytes of a secret count as a leak. Fewer
// would find themselves in the addresses that fmt prints, now and then.
const window = 5

// leaks holds the middle parts of the secrets in every spelling that fmt has.
var leaks = append(spellings(bytes16[5:]), spellings(bytes32[5:])...)

func spellings(secret string) []string {
	part := []byte(secret[:window])
	list := func(verb string) string { return strings.Trim(fmt.Sprintf(verb, part), "[]") }
	return []string{
		string(part), list("%c"), list("%d"), list("%o"), list("%b"), hex.EncodeToString(part), fmt.Sprintf("% x", part),
		strings.ReplaceAll(fmt.Sprintf("0x% x", part), " ", ", 0x"),
	}
}

func leaked(printed string) bool {
	lower := strings.ToLower(printed)
	return slices.ContainsFunc(leaks, func(leak string) bool { return strings.Contains(lower, leak) })
}

func requireNoLeak(t *testing.T, printed string) {
	t.Helper()
	require.False(t, leaked(printed), printed)
}

// verbs of fmt with all flags that change what is printed of bytes.
var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%+d",
	"%o", "%b", "%c", "%U", "%e", "%g", "%t", "%p", "%T", "%w", "%20v", "%-.3s",
}

func TestEveryKindPrintsItsPlaceholder(t *testing.T) {
	for name, value := range allKinds() {
		t.Run(name, func(t *testing.T) {
			want := "[redacted " + name + "]"
			for _, verb := range verbs {
				printed := fmt.Sprintf(verb, value)
				requireNoLeak(t, printed)
				if !slices.Contains([]string{"%T", "%p", "%w"}, verb) {
					require.Contains(t, printed, want, verb)
				}
			}
			require.Equal(t, want, value.(fmt.Stringer).String())
			require.Equal(t, want, value.(fmt.GoStringer).GoString())
			encoded, err := json.Marshal(value)
			require.NoError(t, err)
			require.Equal(t, `"`+want+`"`, string(encoded))
			requireNoLeak(t, logged(value))
			require.Contains(t, logged(value), want)
		})
	}
}

// logged returns what both handlers of slog make of value.
func logged(value any) string {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	return out.String()
}

func TestNoKindLeaksFromInsideOtherValues(t *testing.T) {
	type exported struct {
		Name  string
		Value any
	}
	type unexported struct {
		name  string
		value any
	}
	for name, value := range allKinds() {
		t.Run(name, func(t *testing.T) {
			containers := map[string]any{
				"exported field":         exported{"x", value},
				"pointer to struct":      &exported{"x", value},
				"unexported field":       unexported{"x", value},
				"pointer, unexported":    &unexported{"x", value},
				"two levels":             unexported{"x", unexported{"y", &exported{"z", value}}},
				"slice":                  []any{value},
				"map":                    map[string]any{"x": value},
				"slice of unexported":    []unexported{{"x", value}},
				"error":                  fmt.Errorf("wrapped %v: %w", value, errors.New("x")),
				"slice in an unexported": unexported{"x", []any{value}},
				"pointer in an exported": exported{"x", &value},
			}
			for where, container := range containers {
				t.Log(where)
				for _, verb := range verbs {
					requireNoLeak(t, fmt.Sprintf(verb, container))
				}
				requireNoLeak(t, logged(container))
				if encoded, err := json.Marshal(container); err == nil {
					requireNoLeak(t, string(encoded))
				}
			}
		})
	}
}

// Concrete types under unexported fields, where no interface helps fmt to
// find the methods.
func TestUnexportedFieldsOfConcreteTypesDoNotLeak(t *testing.T) {
	node := struct {
		readKey ReadKey
		enabler WriteEnabler
		content Content
		keys    []WriteKey
		byName  map[string]LeaseSecret
		pointer *WriteKey
		array   [2]CancelSecret
	}{
		readKey: NewReadKey(array16()),
		enabler: NewWriteEnabler(array32()),
		content: NewContent([]byte(bytes16)),
		keys:    []WriteKey{NewWriteKey(array16())},
		byName:  map[string]LeaseSecret{"x": NewLeaseSecret(array32())},
		array:   [2]CancelSecret{NewCancelSecret(array32()), NewCancelSecret(array32())},
	}
	node.pointer = &node.keys[0]
	for _, verb := range verbs {
		requireNoLeak(t, fmt.Sprintf(verb, node))
		requireNoLeak(t, fmt.Sprintf(verb, &node))
	}
	requireNoLeak(t, logged(node))
	requireNoLeak(t, logged(&node))
	require.Equal(t, array16(), node.readKey.Reveal(), "the test looks for what is really there")
}

// The check itself must find leaks, or the tests above prove nothing.
func TestLeaksAreFound(t *testing.T) {
	naked := struct{ key [16]byte }{array16()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%o", "%b", "%c"} {
		require.True(t, leaked(fmt.Sprintf(verb, naked)), verb)
	}
	var behindPointer any = struct{ key *[16]byte }{&naked.key}
	require.True(t, leaked(fmt.Sprintf(verbs[3], behindPointer)), "why a pointer to an array is not enough")
	require.False(t, leaked("[redacted write key]"))
}

func TestReveal(t *testing.T) {
	require.Equal(t, array16(), NewWriteKey(array16()).Reveal())
	require.Equal(t, array32(), NewWriteEnabler(array32()).Reveal())
	content := NewContent([]byte(bytes16))
	require.Equal(t, bytes16, string(content.Reveal()))
	require.Equal(t, bytes16, content.RevealString())
	require.Equal(t, 16, content.Len())
}

func TestSecretsAreCopies(t *testing.T) {
	original := []byte(bytes16)
	content := NewContent(original)
	original[0] = 'X'
	require.Equal(t, bytes16, content.RevealString())
	content.Reveal()[0] = 'X'
	require.Equal(t, bytes16, content.RevealString())
}

func TestEqual(t *testing.T) {
	one, other := array16(), array16()
	other[15] ^= 1
	require.True(t, NewReadKey(one).Equal(NewReadKey(one)))
	require.False(t, NewReadKey(one).Equal(NewReadKey(other)))
	require.False(t, NewReadKey(one).Equal(ReadKey{}))
	require.False(t, ReadKey{}.Equal(NewReadKey(one)))
	require.False(t, ReadKey{}.Equal(ReadKey{}), "nothing matches no secret")
	require.True(t, NewWriteEnabler(array32()).Equal(NewWriteEnabler(array32())))
	require.True(t, NewContent(nil).Equal(NewContent([]byte{})))
	require.False(t, NewContent(nil).Equal(Content{}))
	require.False(t, NewContent([]byte("a")).Equal(NewContent([]byte("ab"))))
}

func TestZeroValues(t *testing.T) {
	require.True(t, WriteKey{}.IsZero())
	require.False(t, NewWriteKey([16]byte{}).IsZero(), "sixteen zero bytes are a secret")
	require.False(t, NewContent(nil).IsZero(), "the empty content is a content")
	require.Zero(t, Content{}.Len())
	require.Panics(t, func() { WriteKey{}.Reveal() })
	require.Panics(t, func() { WriteEnabler{}.Reveal() })
	require.Panics(t, func() { Content{}.Reveal() })
	require.Equal(t, "[redacted write key]", fmt.Sprint(WriteKey{}))
}

func TestSetBytes(t *testing.T) {
	var key WriteKey
	require.NoError(t, key.SetBytes([]byte(bytes16)))
	require.Equal(t, array16(), key.Reveal())
	before := key
	next := array16()
	next[0] = 'X'
	require.NoError(t, key.SetBytes(next[:]))
	require.Equal(t, array16(), before.Reveal(), "copies keep the old secret")

	for _, size := range []int{0, 15, 17, 32} {
		err := key.SetBytes(make([]byte, size))
		var sizeError *SizeError
		require.ErrorAs(t, err, &sizeError)
		require.Equal(t, SizeError{Kind: "write key", Want: 16, Got: size}, *sizeError)
		require.Equal(t, next, key.Reveal(), "a refused value changes nothing")
	}
	var enabler WriteEnabler
	require.Error(t, enabler.SetBytes(make([]byte, 16)))
	require.NoError(t, enabler.SetBytes([]byte(bytes32)))
	require.Equal(t, array32(), enabler.Reveal())
}
