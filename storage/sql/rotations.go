package sql

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// The column sessions.rotations is a version byte and then, newest first, for each rotation
//
//	lowest 4 ‖ highest 4 ‖ instant 8 (milliseconds) ‖ flags 1 [‖ key hash 16]
const (
	rotationsVersion = 1
	rotationSize     = 17
	flagSheltered    = 1
	flagKeyed        = 2
)

var errRotations = errors.New("the rotations of a session are damaged")

func encodeRotations(rotations []identity.Rotation) []byte {
	if len(rotations) == 0 {
		return nil
	}
	b := make([]byte, 0, 1+len(rotations)*(rotationSize+identity.KeyHashSize))
	b = append(b, rotationsVersion)
	for _, r := range rotations {
		b = binary.BigEndian.AppendUint32(b, r.Lowest)
		b = binary.BigEndian.AppendUint32(b, r.Highest)
		b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMilli()))
		var flags byte
		if r.Sheltered {
			flags |= flagSheltered
		}
		if len(r.KeyHash) == identity.KeyHashSize {
			flags |= flagKeyed
		}
		b = append(b, flags)
		if flags&flagKeyed != 0 {
			b = append(b, r.KeyHash...)
		}
	}
	return b
}

func decodeRotations(b []byte) ([]identity.Rotation, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != rotationsVersion {
		return nil, errRotations
	}
	var rotations []identity.Rotation
	for b = b[1:]; len(b) > 0; {
		if len(b) < rotationSize || len(rotations) == identity.MaxRotations {
			return nil, errRotations
		}
		flags := b[16]
		r := identity.Rotation{
			Lowest:    binary.BigEndian.Uint32(b),
			Highest:   binary.BigEndian.Uint32(b[4:]),
			At:        time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))),
			Sheltered: flags&flagSheltered != 0,
		}
		b = b[rotationSize:]
		if flags&flagKeyed != 0 {
			if len(b) < identity.KeyHashSize {
				return nil, errRotations
			}
			r.KeyHash, b = b[:identity.KeyHashSize:identity.KeyHashSize], b[identity.KeyHashSize:]
		}
		if flags&^(flagSheltered|flagKeyed) != 0 || r.Lowest > r.Highest {
			return nil, errRotations
		}
		rotations = append(rotations, r)
	}
	return rotations, nil
}
