package grid

import "fmt"

// MaxShares is the largest number of shares of a file: GF(2^8) has no more
// points to evaluate at (zfec).
const MaxShares = 256

// ShareNum numbers the shares of a file from 0. It is an int and not a byte
// so that a loop up to 256 shares ends; numbers from peers and disks must be
// checked with Valid.
type ShareNum int

// Valid says whether n can be the number of a share of any file.
func (n ShareNum) Valid() bool {
	return n >= 0 && n < MaxShares
}

// Params says how a file is spread: any K of its N shares suffice to read it,
// and an upload succeeds only with a happiness of at least Happy. In
// tahoe.cfg these are shares.needed, shares.happy and shares.total.
type Params struct {
	K, Happy, N int
}

// DefaultParams are the parameters of a node that does not set any (client.py
// DEFAULT_ENCODING_PARAMETERS).
var DefaultParams = Params{K: 3, Happy: 7, N: 10}

// Validate checks 1 <= K <= N <= 256 and 1 <= Happy <= N. Happiness is a number
// of servers that each hold a share of their own, so more than N cannot be
// reached. The error is a *ParamsError.
func (p Params) Validate() error {
	if err := CheckShares(p.K, p.N); err != nil {
		return err
	}
	if p.Happy < 1 || p.Happy > p.N {
		return &ParamsError{Field: "happy", Value: p.Happy, Low: 1, High: p.N}
	}
	return nil
}

// CheckShares checks 1 <= k <= n <= 256, which is all that reading a file
// needs. The error is a *ParamsError.
func CheckShares(k, n int) error {
	if n < 1 || n > MaxShares {
		return &ParamsError{Field: "total", Value: n, Low: 1, High: MaxShares}
	}
	if k < 1 || k > n {
		return &ParamsError{Field: "needed", Value: k, Low: 1, High: n}
	}
	return nil
}

// ParamsError says which of the parameters is out of range.
type ParamsError struct {
	Field     string // "needed", "happy" or "total", as in tahoe.cfg after "shares."
	Value     int
	Low, High int // allowed range, both inclusive
}

// Error gives the parameter by its name in tahoe.cfg and its range.
func (e *ParamsError) Error() string {
	return fmt.Sprintf("shares.%s is %d, must be from %d to %d", e.Field, e.Value, e.Low, e.High)
}
