package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/besn0847/arm-tahoe/common/nodeconf"
)

const (
	// maxState bounds a state that is converted, in bytes.
	maxState = 64 << 20
	// maxStateValues bounds the values of a state, and maxStateDepth how deep
	// they are nested: a pickle may contain one value many times, or in itself.
	maxStateValues = 4 << 20
	maxStateDepth  = 50
)

// migrateState converts a crawler's state from before 1.17, a Python pickle, to
// JSON in PATH.json and removes it (storage/crawler.py _upgrade_pickle_to_json).
// The history of the lease checker has another form than the other two.
func migrateState(path string, history bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return err
	}
	if len(data) > maxState {
		return fmt.Errorf("it has more than %d bytes; remove it, and the crawler begins anew", maxState)
	}
	text, err := stateJSON(data, history)
	if err != nil {
		return fmt.Errorf("%w; remove it, and the crawler begins anew", err)
	}
	if err := nodeconf.WriteFile(path+".json", text, 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}

// stateJSON is the conversion itself.
func stateJSON(data []byte, history bool) ([]byte, error) {
	value, err := unpickle(data)
	if err != nil {
		return nil, err
	}
	state, ok := value.(*pickleDict)
	if !ok {
		return nil, errPickle
	}
	converted := &pickleDict{}
	if !history && state.get("version") != int64(1) {
		return nil, errors.New("is of an unknown version, not 1")
	}
	for _, p := range state.pairs {
		key, value := p[0], p[1]
		if history || key == "cycle-to-date" {
			if value, err = cycleData(value); err != nil {
				return nil, err
			}
		}
		converted.pairs = append(converted.pairs, [2]any{key, value})
	}
	w := &jsonWriter{}
	if err := w.value(converted, 0); err != nil {
		return nil, err
	}
	return []byte(w.text.String()), nil
}

// cycleData gives the dict of lease ages keys that JSON can have
// (storage/crawler.py _convert_cycle_data). Its other changes, tuples to lists and
// numbers to text in keys, are what JSON does anyhow.
func cycleData(value any) (any, error) {
	data, ok := value.(*pickleDict)
	if !ok {
		return nil, errPickle
	}
	converted := &pickleDict{}
	for _, p := range data.pairs {
		ages, isDict := p[1].(*pickleDict)
		if p[0] == "lease-age-histogram" && isDict {
			named := &pickleDict{}
			for _, age := range ages.pairs {
				from, ok := age[0].(tuple)
				if !ok || len(from) != 2 {
					return nil, errPickle
				}
				named.pairs = append(named.pairs, [2]any{fmt.Sprintf("%v,%v", from[0], from[1]), age[1]})
			}
			p[1] = named
		}
		converted.pairs = append(converted.pairs, p)
	}
	return converted, nil
}

// jsonWriter writes as Python's json.dumps does.
type jsonWriter struct {
	text   strings.Builder
	values int
}

func (w *jsonWriter) value(value any, depth int) error {
	w.values++
	if depth > maxStateDepth || w.values > maxStateValues {
		return errPickle
	}
	switch v := value.(type) {
	case *pickleDict:
		return w.dict(v, depth)
	case *pickleList:
		return w.list(v.items, depth)
	case tuple:
		return w.list(v, depth)
	case string:
		w.string(v)
		return nil
	}
	text, err := scalar(value)
	w.text.WriteString(text)
	return err
}

func (w *jsonWriter) list(items []any, depth int) error {
	w.text.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			w.text.WriteString(", ")
		}
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.text.WriteByte(']')
	return nil
}

func (w *jsonWriter) dict(d *pickleDict, depth int) error {
	w.text.WriteByte('{')
	for i, p := range d.pairs {
		if i > 0 {
			w.text.WriteString(", ")
		}
		key, ok := p[0].(string)
		if !ok {
			var err error
			if key, err = scalar(p[0]); err != nil {
				return err
			}
		}
		w.string(key)
		w.text.WriteString(": ")
		if err := w.value(p[1], depth+1); err != nil {
			return err
		}
	}
	w.text.WriteByte('}')
	return nil
}

// string writes ASCII only.
func (w *jsonWriter) string(text string) {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string can be encoded
	for _, r := range strings.TrimSuffix(quoted.String(), "\n") {
		switch {
		case r < 0x80:
			w.text.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&w.text, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&w.text, `\u%04x`, r)
		}
	}
}

// scalar is null, a boolean or a number.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "null", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return floatText(v)
	}
	return "", errPickle
}

// floatText is Python's repr of a float.
func floatText(f float64) (string, error) {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "", errPickle
	case size != 0 && (size < 1e-4 || size >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64), nil
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text, nil
}
