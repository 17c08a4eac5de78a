package uri

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exceptions are the texts that parse and do not re-encode to the same bytes.
// Each one is turned into the text that does, or left alone.
var exceptions = []struct {
	name      string
	canonical func(text string, kind Kind) string
}{
	{"prefix before a known cap", func(text string, _ Kind) string {
		if rest, ok := strings.CutPrefix(text, PrefixImmutable); ok {
			return rest
		}
		return strings.TrimPrefix(text, PrefixReadOnly)
	}},
	{"extension of an MDMF cap", func(text string, kind Kind) string {
		if kind.file() < KindMDMF {
			return text
		}
		fields := strings.SplitN(text, ":", 5)
		return strings.Join(fields[:min(4, len(fields))], ":")
	}},
	{"anything after a CHK verify cap", func(text string, kind Kind) string {
		if kind.file() != KindCHKVerify {
			return text
		}
		digits := func(r rune) bool { return r >= '0' && r <= '9' }
		start := 0
		for range 6 { // colons before the size
			start += strings.IndexByte(text[start:], ':') + 1
		}
		return text[:len(text)-len(strings.TrimLeftFunc(text[start:], digits))]
	}},
	{"newline at the end", func(text string, _ Kind) string { return strings.TrimSuffix(text, "\n") }},
	{"zeros before a number", func(text string, kind Kind) string {
		if kind.file() > KindCHKVerify {
			return text
		}
		fields := strings.Split(text, ":")
		for i := 4; i < len(fields); i++ {
			if fields[i] = strings.TrimLeft(fields[i], "0"); fields[i] == "" {
				fields[i] = "0"
			}
		}
		return strings.Join(fields, ":")
	}},
}

func canonical(text string, kind Kind) string {
	for _, exception := range exceptions {
		text = exception.canonical(text, kind)
	}
	return text
}

func FuzzParse(f *testing.F) {
	for _, row := range readKinds(f) {
		f.Add(row.Cap, false)
		f.Add("imm."+row.Cap+":ext\n", true)
	}
	var rows []struct {
		Text text `json:"text"`
	}
	readVectors(f, "from-string.json", &rows)
	for _, row := range rows {
		f.Add(string(row.Text), true)
	}
	f.Fuzz(func(t *testing.T, text string, deepImmutable bool) {
		c := FromText(text, deepImmutable)
		_ = c.String()
		if unknown, ok := c.(Unknown); ok {
			require.Equal(t, text, unknown.Text(), "unknown caps are kept as they are")
			return
		}
		printed := c.Text()
		if printed != text {
			require.Equal(t, canonical(text, c.Kind()), printed)
		}
		again, err := Parse(printed)
		require.NoError(t, err)
		require.Equal(t, c.Kind(), again.Kind())
		require.Equal(t, printed, again.Text())
		if deepImmutable {
			require.False(t, c.Kind().IsMutable())
		}
		for _, derived := range []Cap{c.ReadOnly(), c.Verifier()} {
			if derived != nil {
				require.False(t, derived.Kind().IsWritable())
				parsed, err := Parse(derived.Text())
				require.NoError(t, err)
				require.True(t, Equal(derived, parsed))
			}
		}
	})
}

func twoPrefixes(text string) bool {
	count := 0
	for strings.HasPrefix(text, PrefixReadOnly) || strings.HasPrefix(text, PrefixImmutable) {
		text = text[strings.IndexByte(text, '.')+1:]
		count++
	}
	return count > 1
}

func FuzzChild(f *testing.F) {
	var rows []struct {
		Write text `json:"write"`
		Read  text `json:"read"`
	}
	readVectors(f, "child.json", &rows)
	for _, row := range rows {
		f.Add(string(row.Write), string(row.Read), true)
		f.Add(string(row.Write), string(row.Read), false)
	}
	f.Add("0", "ro.", false)
	f.Fuzz(func(t *testing.T, write, read string, deepImmutable bool) {
		child := NewChild(write, read, deepImmutable)
		if child.Err() != nil {
			require.Empty(t, child.WriteText()+child.ReadText())
			return
		}
		if deepImmutable {
			require.True(t, child.AllowedInImmutable())
			require.Empty(t, child.WriteText())
		}
		if read := child.ReadText(); read == PrefixReadOnly || read == PrefixImmutable || twoPrefixes(read) {
			return // exceptions: nothing, or one prefix of two, reaches the slot, as in 1.20
		}
		// What is stored comes back as the same child.
		again := NewChild(child.WriteText(), child.ReadSlot(deepImmutable), deepImmutable)
		require.NoError(t, again.Err())
		require.Equal(t, child.WriteText(), again.WriteText())
		require.Equal(t, child.ReadText(), again.ReadText())
	})
}

func BenchmarkParse(b *testing.B) {
	for _, row := range readKinds(b) {
		b.Run(row.Class, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(row.Cap); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
