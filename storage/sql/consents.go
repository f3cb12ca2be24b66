package sql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/lingpai/lingpai/identity"
)

// Consents implements identity.Consents.
type Consents struct{ db *DB }

var _ identity.Consents = (*Consents)(nil)

// Consents returns the store of consents.
func (db *DB) Consents() *Consents { return &Consents{db} }

type consentRow struct {
	UserID    string `gorm:"primaryKey"`
	ClientID  string `gorm:"primaryKey"`
	Resource  string `gorm:"primaryKey"`
	Scopes    textList
	Terms     string
	GrantedAt int64
}

func (consentRow) TableName() string { return "consents" }

func (r consentRow) consent() identity.Consent {
	return identity.Consent{UserID: r.UserID, ClientID: r.ClientID, Resource: r.Resource, Scopes: r.Scopes,
		Terms: r.Terms, GrantedAt: instant(&r.GrantedAt)}
}

// Grant implements identity.Consents. It locks the user, so that parallel calls add to each other.
func (c *Consents) Grant(ctx context.Context, consent identity.Consent) error {
	if err := storable(append([]string{consent.UserID, consent.ClientID, consent.Resource, consent.Terms},
		consent.Scopes...)...); err != nil {
		return err
	}
	event := identity.Event{Kind: identity.EventConsentGranted, UserID: consent.UserID, ClientID: consent.ClientID,
		Detail: strings.TrimSpace(strings.Join(consent.Scopes, " ") + " " + consent.Resource)}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, now time.Time) error {
		if _, err := c.db.dialect.userForUpdate(tx, consent.UserID); err != nil {
			return err
		}
		held, err := findConsent(tx, consent.UserID, consent.ClientID, consent.Resource)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return err
		}
		scopes := list(held.Scopes)
		for _, scope := range consent.Scopes {
			if !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
		row := consentRow{UserID: consent.UserID, ClientID: consent.ClientID, Resource: consent.Resource,
			Scopes: scopes, Terms: consent.Terms, GrantedAt: now.UnixMilli()}
		return wrote(tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row))
	})
}

// Find implements identity.Consents.
func (c *Consents) Find(ctx context.Context, userID, clientID, resource string) (identity.Consent, error) {
	if storable(userID, clientID, resource) != nil {
		return identity.Consent{}, identity.ErrNotFound
	}
	row, err := findConsent(c.db.read.WithContext(ctx), userID, clientID, resource)
	if err != nil {
		return identity.Consent{}, err
	}
	return row.consent(), nil
}

func findConsent(db *gorm.DB, userID, clientID, resource string) (row consentRow, err error) {
	err = one(db.Raw("SELECT * FROM consents WHERE user_id = ? AND client_id = ? AND resource = ?", userID, clientID,
		resource), &row)
	return row, err
}

// List implements identity.Consents.
func (c *Consents) List(ctx context.Context, userID string) ([]identity.Consent, error) {
	if storable(userID) != nil {
		return nil, nil
	}
	return listed(c.db.read.WithContext(ctx), consentRow.consent,
		"SELECT * FROM consents WHERE user_id = ? ORDER BY client_id, resource", userID)
}

// Withdraw implements identity.Consents.
func (c *Consents) Withdraw(ctx context.Context, userID, clientID string) (bool, error) {
	if storable(userID, clientID) != nil {
		return false, nil
	}
	event := identity.Event{Kind: identity.EventConsentWithdrawn, UserID: userID, ClientID: clientID}
	err := withEvent(ctx, c.db, event, func(tx *gorm.DB, now time.Time) error {
		if err := c.db.dialect.lockUser(tx, userID); err != nil {
			return err
		}
		if err := changed(tx.Exec("DELETE FROM consents WHERE user_id = ? AND client_id = ?", userID,
			clientID)); err != nil {
			return err
		}
		if err := nextEpoch(tx, userID); err != nil { // the client may hold a code
			return err
		}
		_, err := endSessions(tx, now, identity.EndedByUser, userID, " AND client_id = ?", clientID)
		return err
	})
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
