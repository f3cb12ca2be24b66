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

// Options configures a Keeper. Now is required.
type Options struct {
	Now    func() time.Time
	Policy Policy       // zero: no automatic rotation, and retired keys are gone at once
	Logger *slog.Logger // for changes of keys and errors of the signing library; nil: none

	// replaced by tests, since generating a key takes long; nil: rsa.GenerateKey
	generateRSA func() (*rsa.PrivateKey, error)
	library     *library // replaced by tests; nil: the library of this build, if any
}

// openKey is a record with its decrypted key, which is nil if the key is gone.
type openKey struct {
	Record
	plaintext []byte
}

// openRecords opens the records that are not gone, and returns all records, the newest first; on an error it returns
// those that could be opened. It ignores keys with unknown purposes, which a later version created.
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

// openingFailed returns an error that tells the operator which master key to look for.
func openingFailed(record Record, err error) error {
	master, _, _ := cutEnvelope(record.Sealed)
	switch {
	case errors.Is(err, ErrUnknownMasterKey):
		return fmt.Errorf("the keys in this database were sealed with master key %q, which is not in "+
			"master_key (LINGPAI_MASTER_KEY); "+
			"add its entry after the first, or check that this is the right database: %w", master, err)
	case errors.Is(err, ErrSealBroken):
		return fmt.Errorf("master key %q does not open the %s key %q in this database; check that "+
			"master_key (LINGPAI_MASTER_KEY) is "+
			"the one of this installation, and not another key with the same id: %w", master, record.Purpose,
			record.ID, err)
	}
	return fmt.Errorf("opening the %s key %q: %w", record.Purpose, record.ID, err)
}
