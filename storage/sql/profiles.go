package sql

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Profiles implements identity.Profiles.
type Profiles struct{ db *DB }

var _ identity.Profiles = (*Profiles)(nil)

// Profiles returns the store of profiles.
func (db *DB) Profiles() *Profiles { return &Profiles{db} }

type profileRow struct {
	UserID        string
	Name          string
	Nickname      string
	Picture       string
	Gender        string
	Locale        string
	Email         string
	Address       string
	Chosen        bool
	PhoneNumber   string
	PhoneVerified bool
	PhoneSeenAt   *int64
	UpdatedAt     int64 `gorm:"autoUpdateTime:false"`
}

func (r profileRow) details() identity.Details {
	return identity.Details{
		Profile: identity.Profile{Name: r.Name, Nickname: r.Nickname, Picture: r.Picture, Gender: r.Gender,
			Locale: r.Locale, Email: r.Email, Address: r.Address},
		Chosen:    r.Chosen,
		Phone:     identity.Phone{Number: r.PhoneNumber, SeenAt: instant(r.PhoneSeenAt), Verified: r.PhoneVerified},
		UpdatedAt: instant(&r.UpdatedAt),
	}
}

// Find implements identity.Profiles.
func (p *Profiles) Find(ctx context.Context, userID string) (identity.Details, error) {
	if storable(userID) != nil {
		return identity.Details{}, nil
	}
	var row profileRow
	err := one(p.db.read.WithContext(ctx).Raw("SELECT * FROM profiles WHERE user_id = ?", userID), &row)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return identity.Details{}, nil
	case err != nil:
		return identity.Details{}, err
	}
	return row.details(), nil
}

// setProfile keeps the phone number.
const setProfile = `INSERT INTO profiles (user_id, name, nickname, picture, gender, locale, email, address, chosen,
		profile_at, updated_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, nickname = excluded.nickname,
		picture = excluded.picture, gender = excluded.gender,
		locale = excluded.locale, email = excluded.email, address = excluded.address, chosen = excluded.chosen,
		profile_at = excluded.profile_at, updated_at = excluded.updated_at`

// Choose implements identity.Profiles.
func (p *Profiles) Choose(ctx context.Context, userID string, profile identity.Profile) error {
	_, err := p.set(ctx, setProfile, userID, profile, true)
	return err
}

// Suggest implements identity.Profiles.
func (p *Profiles) Suggest(ctx context.Context, userID string, profile identity.Profile) (bool, error) {
	return p.set(ctx, setProfile+" WHERE NOT profiles.chosen", userID, profile, false)
}

func (p *Profiles) set(ctx context.Context, statement, userID string, profile identity.Profile,
	chosen bool) (written bool, err error) {
	if err := storable(profile.Name, profile.Nickname, profile.Picture, profile.Gender, profile.Locale,
		profile.Email, profile.Address); err != nil {
		return false, err
	}
	err = p.change(ctx, userID, func(tx *gorm.DB, now time.Time) error {
		result := tx.Exec(statement, userID, profile.Name, profile.Nickname, profile.Picture, profile.Gender,
			profile.Locale, profile.Email, profile.Address, chosen, now.UnixMilli(), now.UnixMilli())
		written = result.RowsAffected > 0
		return result.Error
	})
	return written, err
}

// setPhone does not replace a verified number by an unverified one.
const setPhone = `INSERT INTO profiles (user_id, phone_number, phone_verified, phone_seen_at, updated_at)
	VALUES (?, ?, ?, ?, ?)
	ON CONFLICT (user_id) DO UPDATE SET phone_number = excluded.phone_number, phone_verified = excluded.phone_verified,
		phone_seen_at = excluded.phone_seen_at, updated_at = excluded.updated_at,
		profile_at = coalesce(profiles.profile_at, profiles.updated_at)
	WHERE excluded.phone_verified = ? OR profiles.phone_verified = ?`

const removePhone = `UPDATE profiles SET phone_number = '', phone_verified = ?, phone_seen_at = NULL, updated_at = ?,
	profile_at = coalesce(profile_at, updated_at) WHERE user_id = ? AND phone_number <> ''`

// SetPhone implements identity.Profiles.
func (p *Profiles) SetPhone(ctx context.Context, userID string, phone identity.Phone) error {
	if err := storable(phone.Number); err != nil {
		return err
	}
	return p.change(ctx, userID, func(tx *gorm.DB, now time.Time) error {
		if phone.Number == "" {
			return phoneWritten(tx.Exec(removePhone, false, now.UnixMilli(), userID), tx, now, userID, "removed")
		}
		detail := "unverified"
		if phone.Verified {
			detail = "verified"
		}
		result := tx.Exec(setPhone, userID, phone.Number, phone.Verified, millis(phone.SeenAt), now.UnixMilli(),
			true, false)
		if result.Error == nil && result.RowsAffected == 0 {
			return identity.ErrExists
		}
		return phoneWritten(result, tx, now, userID, detail)
	})
}

// phoneWritten records an event for the number, unless there was none to remove.
func phoneWritten(result, tx *gorm.DB, now time.Time, userID, detail string) error {
	if result.Error != nil || result.RowsAffected == 0 {
		return result.Error
	}
	return recordEvent(tx, now, identity.Event{Kind: identity.EventPhoneSet, UserID: userID, Detail: detail})
}

// change locks the user's row while write runs, so that a concurrent deletion or merge runs either before or after
// it.
func (p *Profiles) change(ctx context.Context, userID string, write func(tx *gorm.DB, now time.Time) error) error {
	if storable(userID) != nil {
		return identity.ErrNotFound
	}
	return p.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if _, err := p.db.dialect.userForUpdate(tx, userID); err != nil {
			return err
		}
		return write(tx, now)
	})
}
