package cli

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Values of a pickle: nil, bool, int64, float64, string, tuple, *pickleList,
// *pickleDict.
type (
	tuple      []any
	pickleList struct{ items []any }
	pickleDict struct{ pairs [][2]any } // in the order of insertion
)

// set keeps the place of a key that is there already, as a Python dict does.
// Keys that cannot be compared here are added.
func (d *pickleDict) set(key, value any) {
	if comparableKey(key) {
		for i := range d.pairs {
			if comparableKey(d.pairs[i][0]) && d.pairs[i][0] == key {
				d.pairs[i][1] = value
				return
			}
		}
	}
	d.pairs = append(d.pairs, [2]any{key, value})
}

func comparableKey(key any) bool {
	_, isTuple := key.(tuple)
	return !isTuple
}

func (d *pickleDict) get(key string) any {
	for _, p := range d.pairs {
		if p[0] == key {
			return p[1]
		}
	}
	return nil
}

// mark separates the items of the next collection on the stack.
type mark struct{}

var errPickle = errors.New("is not a pickle of plain values")

// unpickler is the part of Python's pickle machine, protocols 0 to 4, that makes
// plain values. It has no way to name a class or to call anything.
type unpickler struct {
	data  []byte
	stack []any
	memo  map[int]any
}

// unpickle reads a pickle. Everything in data may be hostile.
func unpickle(data []byte) (value any, err error) {
	u := &unpickler{data: data, memo: map[int]any{}}
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return u.pop()
		}
		if err := u.do(op[0]); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.data) {
		return nil, errPickle
	}
	taken := u.data[:n]
	u.data = u.data[n:]
	return taken, nil
}

// line takes the text up to the next line break.
func (u *unpickler) line() (string, error) {
	end := bytes.IndexByte(u.data, '\n')
	if end < 0 {
		return "", errPickle
	}
	taken := u.data[:end]
	u.data = u.data[end+1:]
	return string(taken), nil
}

// number takes a little-endian number of n bytes, without sign.
func (u *unpickler) number(n int) (int, error) {
	taken, err := u.take(n)
	if err != nil {
		return 0, err
	}
	var b [8]byte
	copy(b[:], taken)
	number := binary.LittleEndian.Uint64(b[:])
	if number > math.MaxInt32 {
		return 0, errPickle
	}
	return int(number), nil
}

func (u *unpickler) push(value any) error {
	u.stack = append(u.stack, value)
	return nil
}

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errPickle
	}
	value := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return value, nil
}

// popMark takes what is above the topmost mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			items := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, errPickle
}

// do performs one instruction.
func (u *unpickler) do(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := u.take(1)
		return err
	case 0x95: // FRAME
		_, err := u.take(8)
		return err
	case '(':
		return u.push(mark{})
	case 'N':
		return u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		return u.push(op == 0x88)
	case 'I', 'L', 'F', 'J', 'K', 'M', 0x8a, 'G':
		return u.doNumber(op)
	case 'S', 'V', 'T', 'U', 'X', 0x8c:
		return u.doText(op)
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		return u.doMemo(op)
	}
	return u.doCollection(op)
}

func (u *unpickler) doNumber(op byte) error {
	switch op {
	case 'K', 'M':
		n, err := u.number(int(map[byte]int{'K': 1, 'M': 2}[op]))
		return errors.Join(err, u.push(int64(n)))
	case 'J':
		b, err := u.take(4)
		if err != nil {
			return err
		}
		return u.push(int64(int32(binary.LittleEndian.Uint32(b))))
	case 'G':
		b, err := u.take(8)
		if err != nil {
			return err
		}
		return u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case 0x8a: // LONG1
		return u.doLong()
	}
	text, err := u.line()
	switch {
	case err != nil:
		return err
	case op == 'I' && (text == "00" || text == "01"):
		return u.push(text == "01")
	case op == 'F':
		f, err := strconv.ParseFloat(text, 64)
		return errors.Join(err, u.push(f))
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(text, "L"), 10, 64)
	return errors.Join(err, u.push(n))
}

// doLong reads a two's complement number of up to eight bytes.
func (u *unpickler) doLong() error {
	size, err := u.number(1)
	if err != nil || size > 8 {
		return errPickle
	}
	b, err := u.take(size)
	if err != nil {
		return err
	}
	var full [8]byte
	if size > 0 && b[size-1]&0x80 != 0 {
		full = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(full[:], b)
	return u.push(int64(binary.LittleEndian.Uint64(full[:])))
}

func (u *unpickler) doText(op byte) error {
	if op == 'S' || op == 'V' {
		text, err := u.line()
		if err != nil {
			return err
		}
		if op == 'S' {
			if len(text) < 2 || text[0] != text[len(text)-1] || text[0] != '\'' && text[0] != '"' {
				return errPickle
			}
			text = text[1 : len(text)-1]
		}
		if strings.Contains(text, `\`) { // no state of a crawler has one
			return errPickle
		}
		return u.push(text)
	}
	size, err := u.number(map[byte]int{'T': 4, 'U': 1, 'X': 4, 0x8c: 1}[op])
	if err != nil {
		return err
	}
	text, err := u.take(size)
	return errors.Join(err, u.push(string(text)))
}

// doMemo stores the top of the stack under a number, or pushes what was stored.
func (u *unpickler) doMemo(op byte) error {
	number := len(u.memo)
	var err error
	switch op {
	case 'p', 'g':
		var text string
		if text, err = u.line(); err == nil {
			number, err = strconv.Atoi(text)
		}
	case 'q', 'h':
		number, err = u.number(1)
	case 'r', 'j':
		number, err = u.number(4)
	}
	if err != nil {
		return errPickle
	}
	if op == 'g' || op == 'h' || op == 'j' {
		value, ok := u.memo[number]
		if !ok {
			return errPickle
		}
		return u.push(value)
	}
	if len(u.stack) == 0 {
		return errPickle
	}
	u.memo[number] = u.stack[len(u.stack)-1]
	return nil
}

func (u *unpickler) doCollection(op byte) error {
	switch op {
	case ')':
		return u.push(tuple{})
	case ']':
		return u.push(&pickleList{})
	case '}':
		return u.push(&pickleDict{})
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		size := int(op - 0x84)
		if len(u.stack) < size {
			return errPickle
		}
		items := append(tuple(nil), u.stack[len(u.stack)-size:]...)
		u.stack = u.stack[:len(u.stack)-size]
		return u.push(items)
	case 't', 'l', 'd', 'e', 'u':
		items, err := u.popMark()
		if err != nil {
			return err
		}
		return u.doItems(op, items)
	case 'a':
		value, err := u.pop()
		return errors.Join(err, u.extend([]any{value}))
	case 's':
		value, err := u.pop()
		key, keyErr := u.pop()
		return errors.Join(err, keyErr, u.update([]any{key, value}))
	}
	return fmt.Errorf("%w: it has the instruction %#x", errPickle, op)
}

func (u *unpickler) doItems(op byte, items []any) error {
	switch op {
	case 't':
		return u.push(tuple(items))
	case 'l':
		return u.push(&pickleList{items})
	case 'e':
		return u.extend(items)
	case 'd':
		if err := u.push(&pickleDict{}); err != nil {
			return err
		}
	}
	return u.update(items)
}

func (u *unpickler) extend(items []any) error {
	if len(u.stack) == 0 {
		return errPickle
	}
	list, ok := u.stack[len(u.stack)-1].(*pickleList)
	if !ok {
		return errPickle
	}
	list.items = append(list.items, items...)
	return nil
}

func (u *unpickler) update(items []any) error {
	if len(u.stack) == 0 || len(items)%2 != 0 {
		return errPickle
	}
	dict, ok := u.stack[len(u.stack)-1].(*pickleDict)
	if !ok {
		return errPickle
	}
	for i := 0; i < len(items); i += 2 {
		dict.set(items[i], items[i+1])
	}
	return nil
}
