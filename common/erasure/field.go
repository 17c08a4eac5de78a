package erasure

// fieldOrder is the order of the multiplicative group of GF(2^8).
const fieldOrder = 255

// fieldPolynomial is the field's reduction polynomial, x^8+x^4+x^3+x^2+1 (zfec's
// fec.c, Pp for GF_BITS 8).
const fieldPolynomial = 0x11d

// gfExp[i] is 2^i for 0 <= i < 510: long enough that the sum of two logarithms
// needs no reduction. gfLog is its inverse on 1..255; gfLog[0] is meaningless.
var gfExp, gfLog = powers()

func powers() (exp [2 * fieldOrder]byte, log [256]int) {
	x := 1
	for i := range fieldOrder {
		exp[i], exp[i+fieldOrder] = byte(x), byte(x)
		log[x] = i
		x = times2(x)
	}
	return exp, log
}

func times2(x int) int {
	x <<= 1
	if x >= 256 {
		x ^= fieldPolynomial
	}
	return x
}

// gfMul multiplies two field elements. It serves table building and tests; the
// kernels do not call it per byte of data.
func gfMul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return gfExp[gfLog[a]+gfLog[b]]
}

// point is the field element at which share number num is the polynomial's
// value: 0 for share 0, 2^(num-1) for the others. All 256 points differ.
func point(num int) byte {
	if num == 0 {
		return 0
	}
	return gfExp[num-1]
}

// interpolation returns, for each share number in want, the coefficients that
// give that share from the shares numbered have: want[i] is the sum over j of
// result[i][j] times have[j]. The numbers in have are distinct, all are 0..255,
// and none of want is in have.
func interpolation(have, want []int) [][]byte {
	logDen := denominators(have)
	rows := make([][]byte, len(want))
	for i, num := range want {
		rows[i] = lagrangeRow(have, logDen, point(num))
	}
	return rows
}

// denominators returns, for each point of have, the logarithm (mod 255) of the
// product of its differences from all other points.
func denominators(have []int) []int {
	logDen := make([]int, len(have))
	for j, a := range have {
		sum := 0
		for m, b := range have {
			if m != j {
				sum += gfLog[point(a)^point(b)]
			}
		}
		logDen[j] = sum % fieldOrder
	}
	return logDen
}

// lagrangeRow evaluates every Lagrange basis polynomial over the points of have
// at x, which is none of them.
func lagrangeRow(have []int, logDen []int, x byte) []byte {
	all := 0
	for _, num := range have {
		all += gfLog[x^point(num)]
	}
	all %= fieldOrder
	row := make([]byte, len(have))
	for j, num := range have {
		l := all - gfLog[x^point(num)] - logDen[j]
		row[j] = gfExp[((l%fieldOrder)+fieldOrder)%fieldOrder]
	}
	return row
}
