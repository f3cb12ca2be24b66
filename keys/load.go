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
	private   *rsa.PrivateKey // of a signing key
}

// damagedKey is a record that is not in use and cannot be opened, although its master key is known, or does not
// contain a key.
type damagedKey struct {
	Record
	err error
}

// contentError means that a record was opened and does not contain a usable key.
type contentError struct{ error }

// isDamage reports whether an error of openRecord says that the record itself is wrong, and not the ring.
func isDamage(err error) bool {
	_, isContent := errors.AsType[contentError](err)
	return isContent || errors.Is(err, ErrSealBroken)
}

// openRecords opens the records that are not gone, and returns all records, the newest first, but for those that are
// damaged and not in use: they harm nobody but the tokens of their own key. On an error it returns those that could be
// opened. It ignores keys with unknown purposes, which a later version created.
func openRecords(records []Record, ring *Ring, now time.Time) (opened []openKey, damaged []damagedKey, failed error) {
	used := inUse(records, now)
	for _, record := range records {
		if !slices.Contains(purposes, record.Purpose) {
			continue
		}
		key, err := openRecord(record, ring, now)
		isRecord := func(r Record) bool { return r.Purpose == record.Purpose && r.ID == record.ID }
		switch {
		case err == nil:
			opened = append(opened, key)
		case isDamage(err) && !slices.ContainsFunc(used, isRecord):
			damaged = append(damaged, damagedKey{record, damage(record, err)})
		default:
			failed = cmp.Or(failed, err)
		}
	}
	slices.SortFunc(opened, func(a, b openKey) int { return cmp.Compare(b.Sequence, a.Sequence) })
	return opened, damaged, failed
}

// openRecord opens a record if it is not gone.
func openRecord(record Record, ring *Ring, now time.Time) (openKey, error) {
	key := openKey{Record: record}
	if record.gone(now) {
		return key, nil
	}
	var err error
	if key.plaintext, err = ring.Open(sealPurpose(record.Purpose), record.ID, record.Sealed); err != nil {
		return key, openingFailed(record, err)
	}
	if record.Purpose == Signing {
		key.private, err = parseSigningKey(record.ID, key.plaintext)
	} else {
		_, err = parseSecret(record.ID, key.plaintext)
	}
	if err != nil {
		return key, contentError{err}
	}
	return key, nil
}

// openAll returns an error if a record that is not gone cannot be opened, in use or not.
func openAll(records []Record, ring *Ring, now time.Time) ([]openKey, error) {
	opened, damaged, err := openRecords(records, ring, now)
	if err == nil && len(damaged) > 0 {
		err = damaged[0].err
	}
	return opened, err
}

// damage returns an error that tells the operator what to do about a key that is not in use.
func damage(record Record, cause error) error {
	if errors.Is(cause, ErrSealBroken) {
		cause = ErrSealBroken // without the advice to check the ring
	}
	return fmt.Errorf("the %s key %q in this database, which is not in use, is damaged; restore its row from a "+
		"backup, or revoke it with: lingpai keys revoke --now -- %s: %w", record.Purpose, record.ID, record.ID, cause)
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
