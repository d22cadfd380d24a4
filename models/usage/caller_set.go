package usage

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// maxCallerSet limits the size of a CallerSet in the database to 4,000 bytes.
const maxCallerSet = 1000

// unknownCallers stands in a CallerSet for callers that can't be distinguished.
const unknownCallers = 0

// CallerSet is the set of callers that are counted together. It has a hash of each, in ascending order,
// and stops growing at a thousand.
type CallerSet []uint32

// UnknownCallers returns a set of callers that can't be distinguished.
func UnknownCallers() CallerSet { return CallerSet{unknownCallers} }

// CallersIn returns the set of one caller.
func CallersIn(c Caller) CallerSet {
	sum := sha256.Sum256([]byte(c.Address + "\x00" + c.UserAgent))
	return CallerSet{max(1, binary.BigEndian.Uint32(sum[:]))}
}

// Union returns the callers of both sets, as far as there is room.
func (s CallerSet) Union(other CallerSet) CallerSet {
	union := slices.Concat(s, other)
	slices.Sort(union)
	union = slices.Compact(union)
	return union[:min(len(union), maxCallerSet)]
}

// Len returns the number of callers, or of those that are known if IsExact is false.
func (s CallerSet) Len() int {
	if len(s) > 0 && s[0] == unknownCallers {
		return len(s) - 1
	}
	return len(s)
}

// IsExact reports whether Len is the number of all callers in the set.
func (s CallerSet) IsExact() bool {
	return len(s) > 0 && s[0] != unknownCallers && len(s) < maxCallerSet
}

// Value implements driver.Valuer.
func (s CallerSet) Value() (driver.Value, error) {
	bytes := make([]byte, 0, 4*len(s))
	for _, hash := range s {
		bytes = binary.BigEndian.AppendUint32(bytes, hash)
	}
	return bytes, nil
}

var errCallerSet = errors.New("invalid set of callers")

// Scan implements sql.Scanner.
func (s *CallerSet) Scan(value any) error {
	bytes, ok := value.([]byte)
	if !ok || len(bytes)%4 != 0 {
		return fmt.Errorf("%w: %T", errCallerSet, value)
	}
	*s = nil
	for ; len(bytes) > 0; bytes = bytes[4:] {
		*s = append(*s, binary.BigEndian.Uint32(bytes))
	}
	return nil
}
