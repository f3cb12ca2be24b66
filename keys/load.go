package keys

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Options says how keys are kept. Now is required.
type Options struct {
	Now    func() time.Time
	Policy Policy       // zero: nothing rotates by itself, and what was retired is gone at once
	Logger *slog.Logger // is told what happens to the keys and to a library that signs; nil: nobody is

	// tests bring their own, since a real one takes long; nil: rsa.GenerateKey
	generateRSA func() (*rsa.PrivateKey, error)
	library     *library // tests bring faulty ones; nil: that of the build, if it has one
}

// openKey is a record with what was sealed in it; nothing if it is gone.
type openKey struct {
	Record
	plaintext []byte
}

// openRecords opens the records that are not gone, and returns all with the newest first; on an error those
// that can be opened. Purposes of a later version are left alone.
func openRecords(records []Record, ring *Ring, now time.Time) (opened []openKey, failed error) {
	for _, record := range records {
		if !slices.Contains(purposes, record.Purpose) {
			continue
		}
		key := openKey{Record: record}
		if !record.gone(now) {
			var err error
			if key.plaintext, err = ring.Open(sealPurpose(record.Purpose), record.ID, record.Sealed); err != nil {
				failed = cmp.Or(failed, openingFailed(record, err))
				continue
			}
		}
		opened = append(opened, key)
	}
	slices.SortFunc(opened, func(a, b openKey) int { return cmp.Compare(b.Sequence, a.Sequence) })
	return opened, failed
}

// openingFailed tells the operator which entry to look for.
func openingFailed(record Record, err error) error {
	master, _, _ := cutEnvelope(record.Sealed)
	switch {
	case errors.Is(err, ErrUnknownMasterKey):
		return fmt.Errorf("the keys in this database were sealed with master key %q, which is not in "+
			"master_key (LINGPAI_MASTER_KEY); "+
			"add its entry behind the first, or check that this is the right database: %w", master, err)
	case errors.Is(err, ErrSealBroken):
		return fmt.Errorf("master key %q does not open the %s key %q in this database; check that "+
			"master_key (LINGPAI_MASTER_KEY) is "+
			"the one of this installation, and not another key of the same id: %w", master, record.Purpose,
			record.ID, err)
	}
	return fmt.Errorf("opening the %s key %q: %w", record.Purpose, record.ID, err)
}
