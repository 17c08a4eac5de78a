package ueb

// Claim returns k, N and the size of the file as the UEB itself says them, for
// whoever has no cap: a server that checks what it stores. ok is false if one
// is missing or impossible; UEB.Check says whether the rest agrees with them.
func (u *UEB) Claim() (k, n int, size int64, ok bool) {
	var numbers [3]int64
	for i, key := range []string{keyNeededShares, keyTotalShares, keySize} {
		value, found := u.value(key)
		number, err := parseNumber(value)
		if !found || err != nil {
			return 0, 0, 0, false
		}
		numbers[i] = number
	}
	if numbers[0] > maxClaim || numbers[1] > maxClaim {
		return 0, 0, 0, false
	}
	return int(numbers[0]), int(numbers[1]), numbers[2], true
}

// maxClaim is the largest N there is.
const maxClaim = 256
