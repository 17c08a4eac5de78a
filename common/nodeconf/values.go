package nodeconf

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Units of durations in tahoe.cfg, in seconds (util/time_format.py).
const (
	daySeconds   = 24 * 60 * 60
	monthSeconds = 31 * daySeconds
	yearSeconds  = 365 * daySeconds
)

// ParseBool reads a boolean as ConfigParser.getboolean does.
func ParseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "1", "yes", "true", "on":
		return true, nil
	case "0", "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("%s is not a boolean: use true or false", quote(text))
}

var sizePattern = regexp.MustCompile(`^([0-9]+)([KMGTPE]?)(I?)B?$`)

// ParseSize reads a number of bytes such as 5000, 1G (1000^3), 10GiB (1024^3);
// upper and lower case are the same. Sizes beyond 2^63-1 become that: no disk has
// as much. util/abbreviate.py parse_abbreviated_size; the empty text, which is
// no size there, is an error here.
func ParseSize(text string) (int64, error) {
	match := sizePattern.FindStringSubmatch(strings.ToUpper(text))
	if match == nil {
		return 0, fmt.Errorf("%s is not a size: use a number with K, M, G, T, P or E, as in 10G or 10GiB", quote(text))
	}
	factor, unit := int64(1), int64(1000)
	if match[3] != "" {
		unit = 1024
	}
	for range power(match[2]) {
		factor *= unit
	}
	number, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || number > math.MaxInt64/factor {
		return math.MaxInt64, nil
	}
	return number * factor, nil
}

// power is how often the unit is multiplied with itself: 1 for K, 2 for M.
func power(letter string) int {
	if letter == "" {
		return 0
	}
	return 1 + strings.Index("KMGTPE", letter)
}

// ParseDuration reads a number of days, months of 31 days or years of 365 days,
// such as 7days, 31 day, 1mo, 2 months, 1year, and returns seconds.
// util/time_format.py parse_duration.
func ParseDuration(text string) (seconds int64, err error) {
	number, unit := strings.TrimSuffix(text, "s"), int64(0)
	for _, u := range []struct {
		suffix  string
		seconds int64
	}{{"day", daySeconds}, {"month", monthSeconds}, {"mo", monthSeconds}, {"year", yearSeconds}} {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.seconds
			break
		}
	}
	count, err := parseInt(number)
	if unit == 0 || err != nil || count < 0 || count > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is not a duration: use a number of days, months or years, as in 60 days", quote(text))
	}
	return count * unit, nil
}

// ParseDate reads YYYY-MM-DD and returns the midnight in UTC that the day begins
// with. util/time_format.py parse_date.
func ParseDate(text string) (time.Time, error) {
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not a date: use YYYY-MM-DD, as in 2009-03-16", quote(text))
	}
	return date, nil
}

var intPattern = regexp.MustCompile(`^[+-]?[0-9]+(_[0-9]+)*$`)

// parseInt reads what Python's int() reads: spaces around, a sign, underscores
// between digits.
func parseInt(text string) (int64, error) {
	text = strip(text)
	if !intPattern.MatchString(text) {
		return 0, fmt.Errorf("%s is not a whole number", quote(text))
	}
	number, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", quote(text))
	}
	return number, nil
}
