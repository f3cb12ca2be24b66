package wechat

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// exchangeOverlap is how much later than another one a login may be kept that
// was answered before it. Beyond that clocks differ, and the writer wins.
const exchangeOverlap = 15 * time.Second

// A version is a session key that an account had from a login on.
type version struct {
	id       string // names its failures in the store; new with each login
	key      SessionKey
	at       time.Time // WeChat's answer to the login
	replaced time.Time // zero while the key is the current one
}

func newVersion(key SessionKey, at time.Time) version {
	id := make([]byte, 9)
	_, _ = rand.Read(id) // never fails
	return version{id: base64.RawURLEncoding.EncodeToString(id), key: key, at: at}
}

// withKey puts a key before the others. A twin of a login that was answered
// earlier comes second: the newest answer has WeChat's present key.
func withKey(versions []version, added version) []version {
	if len(versions) == 0 {
		return []version{added}
	}
	current := versions[0]
	if late := current.at.Sub(added.at); 0 < late && late < exchangeOverlap {
		if current.key.equal(added.key) {
			return versions
		}
		added.replaced = current.at
		return append([]version{current, added}, without(versions[1:], added.key)...)
	}
	current.replaced = added.at
	return append([]version{added}, without(append([]version{current}, versions[1:]...), added.key)...)
}

func without(versions []version, key SessionKey) []version {
	var others []version
	for _, version := range versions {
		if !version.key.equal(key) {
			others = append(others, version)
		}
	}
	return others
}

// remembered drops the versions that were replaced too long ago, and those
// beyond the bound.
func (v *Vault) remembered(versions []version) []version {
	var kept []version
	for n, version := range versions {
		if n == 0 || v.config.Now().Sub(version.replaced) <= keyOverlap {
			kept = append(kept, version)
		}
	}
	return kept[:min(len(kept), maxVersions)]
}

// versionRecord is a version as it is sealed. Instants are in milliseconds
// since 1970.
type versionRecord struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	At       int64  `json:"at"`
	Replaced int64  `json:"replaced"`
}

func encodeVersions(versions []version) ([]byte, error) {
	var records []versionRecord
	for _, version := range versions {
		records = append(records, versionRecord{version.id, version.key.text(), version.at.UnixMilli(),
			version.replaced.UnixMilli()})
	}
	return json.Marshal(records)
}

func parseVersions(plain []byte) ([]version, error) {
	var records []versionRecord
	if err := json.Unmarshal(plain, &records); err != nil || len(records) == 0 {
		return nil, errors.New("wechat: not the record of session keys")
	}
	var versions []version
	for _, record := range records {
		key, err := ParseSessionKey(record.Key)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version{record.ID, key, time.UnixMilli(record.At), time.UnixMilli(record.Replaced)})
	}
	return versions, nil
}
