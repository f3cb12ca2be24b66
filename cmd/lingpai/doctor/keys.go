package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
)

func (d *doctor) checkKeys(ctx context.Context) {
	records, err := within(ctx, d.database.Keys().Keys)
	if err != nil {
		d.report.fault("cannot be read: "+d.report.words(err), checkDatabaseURL)
		return
	}
	if len(records) == 0 {
		d.report.ok("none yet: serve generates them at its first start")
		return
	}
	backend, damaged, err := opens(ctx, records, d.settings.MasterKey.Reveal())
	if err != nil {
		d.report.fault(keyAdvice(err))
		return
	}
	for _, key := range damaged {
		d.report.fault(keyAdvice(key))
	}
	decrypts := "master_key decrypts all; "
	if len(damaged) > 0 {
		decrypts = "master_key decrypts those in use; "
	}
	d.report.ok(decrypts + describeSigning(records, time.Now()) +
		"; signatures are made by " + backend)
	if first := firstEntry(d.settings); slices.ContainsFunc(keys.Describe(records, time.Now()),
		func(k keys.Info) bool { return k.MasterKey != "" && k.MasterKey != first }) {
		d.report.warning("some keys are encrypted with an entry of master_key other than the first, "+first,
			"if all servers have the new master key, encrypt them again: lingpai keys rewrap")
	}
	warnOfBackend(d.report, backend, keys.BuiltBackend())
}

// warnOfBackend warns if signatures are not made by the backend that this program was built with.
func warnOfBackend(report *report, backend, built string) {
	if backend != built {
		report.warning("this program was built to sign with "+built+", but signs with "+backend,
			"reinstall or update OpenSSL, and check this machine's memory and processor; tokens stay "+
				"valid, since each signature is verified, but signing is up to three times slower")
	}
}

// opens returns what signs with the keys, and which keys that are not in use are damaged, or an error if the master key
// does not decrypt the others. It creates no keys: serve does.
func opens(ctx context.Context, records []keys.Record, masterKey string) (backend string, damaged []error, err error) {
	ring, err := keys.ParseRing(masterKey)
	if err != nil {
		return "", nil, err
	}
	keeper := keys.Attach(keptKeys(records), ring, keys.Options{Now: time.Now})
	if err := keeper.Reload(ctx); err != nil {
		return "", nil, err
	}
	return keeper.Backend(), keeper.Damaged(), nil
}

// firstEntry returns the id of the master key that encrypts.
func firstEntry(c settings.Settings) string {
	id, _, _ := strings.Cut(c.MasterKey.Reveal(), ":")
	return strings.TrimSpace(id)
}

// keptKeys is a read-only store of keys.
type keptKeys []keys.Record

var errKeptKeys = errors.New("these keys are read-only")

// Keys implements keys.Store.
func (k keptKeys) Keys(context.Context) ([]keys.Record, error) { return k, nil }

// Update implements keys.Store.
func (keptKeys) Update(context.Context, func(time.Time, []keys.Record) (keys.Change, error)) error {
	return errKeptKeys
}

// keyAdvice separates what is wrong with a key from what to do about it.
func keyAdvice(err error) (found, advice string) {
	text := err.Error()
	if cause := errors.Unwrap(err); cause != nil { // it repeats the text
		text = strings.TrimSuffix(text, ": "+cause.Error())
	}
	found, advice, ok := strings.Cut(text, "; ")
	if !ok {
		advice = "check master_key (LINGPAI_MASTER_KEY), and list the keys with: lingpai keys list"
	}
	return found, advice
}

// describeSigning lists the signing keys that are still in use.
func describeSigning(records []keys.Record, now time.Time) string {
	var texts []string
	for _, key := range keys.Describe(records, now) {
		if key.Purpose == keys.Signing && key.State != keys.Gone {
			texts = append(texts, fmt.Sprintf("kid %s is %s, %s old", key.ID, key.State, age(now.Sub(key.CreatedAt))))
		}
	}
	if len(texts) == 0 {
		return "serve generates a signing key at its first start"
	}
	return strings.Join(texts, "; ")
}

func age(d time.Duration) string {
	if d < 24*time.Hour {
		return "less than a day"
	}
	return terminal.Plural(int(d/(24*time.Hour)), "day")
}
