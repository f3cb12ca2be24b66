package sql

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/lingpai/lingpai/identity"
)

// Clients implements identity.Clients.
type Clients struct{ db *DB }

var _ identity.Clients = (*Clients)(nil)

// Clients returns the store of clients.
func (db *DB) Clients() *Clients { return &Clients{db} }

type clientRow struct {
	ID            string
	Name          string
	Confidential  bool
	SecretHash    []byte
	FirstParty    bool
	Grants        textList
	Scopes        textList
	DefaultScopes textList
	Audience      textList
	IsAudience    textList
	Apps          textList
	Origins       textList
	RefreshKeys   bool
	WechatClaims  bool
	AccessTTL     int64
	IdleTTL       int64
	AbsoluteTTL   int64
	CreatedAt     int64 `gorm:"autoCreateTime:false"`
	DisabledAt    *int64

	RedirectURIs           textList
	PostLogoutRedirectURIs textList
	BackchannelLogoutURI   string
	InitiateLoginURI       string
	AlwaysConsent          bool
	OptionalPKCE           bool

	OldSecretHash  []byte
	OldSecretUntil *int64
	JWKS           string
	JWKSURI        string
	RequirePAR     bool

	LegacyAudienceUntil *int64
}

func (clientRow) TableName() string { return "clients" }

func (r clientRow) client() identity.Client {
	return identity.Client{
		ID: r.ID, Name: r.Name, Confidential: r.Confidential, SecretHash: r.SecretHash, FirstParty: r.FirstParty,
		Grants: r.Grants, Scopes: r.Scopes, DefaultScopes: r.DefaultScopes, Audience: r.Audience, Apps: r.Apps,
		Origins: r.Origins, RefreshKeys: r.RefreshKeys,
		WechatClaims: r.WechatClaims, AccessTTL: time.Duration(r.AccessTTL) * time.Millisecond,
		IdleTTL:     time.Duration(r.IdleTTL) * time.Millisecond,
		AbsoluteTTL: time.Duration(r.AbsoluteTTL) * time.Millisecond, CreatedAt: instant(&r.CreatedAt),
		DisabledAt: instant(r.DisabledAt), IsAudience: r.IsAudience, RedirectURIs: r.RedirectURIs,
		PostLogoutRedirectURIs: r.PostLogoutRedirectURIs, BackchannelLogoutURI: r.BackchannelLogoutURI,
		InitiateLoginURI: r.InitiateLoginURI, AlwaysConsent: r.AlwaysConsent, OptionalPKCE: r.OptionalPKCE,
		OldSecretHash: r.OldSecretHash, OldSecretUntil: instant(r.OldSecretUntil), JWKS: r.JWKS, JWKSURI: r.JWKSURI,
		RequirePAR: r.RequirePAR, LegacyAudienceUntil: instant(r.LegacyAudienceUntil),
	}
}

// newClientRow is the inverse of client, apart from the times when the client was created and disabled. It returns an
// error if a text cannot be stored.
func newClientRow(client identity.Client) (clientRow, error) {
	if err := storable(slices.Concat([]string{client.ID, client.Name, client.BackchannelLogoutURI,
		client.InitiateLoginURI, client.JWKS, client.JWKSURI}, client.Grants,
		client.Scopes, client.DefaultScopes, client.Audience, client.IsAudience, client.Apps, client.Origins,
		client.RedirectURIs, client.PostLogoutRedirectURIs)...); err != nil {
		return clientRow{}, err
	}
	return clientRow{
		ID: client.ID, Name: client.Name, Confidential: client.Confidential, SecretHash: client.SecretHash,
		FirstParty: client.FirstParty,
		Grants:     list(client.Grants), Scopes: list(client.Scopes), DefaultScopes: list(client.DefaultScopes),
		Audience: list(client.Audience), IsAudience: list(client.IsAudience),
		Apps: list(client.Apps), Origins: list(client.Origins), RefreshKeys: client.RefreshKeys,
		WechatClaims: client.WechatClaims,
		AccessTTL:    client.AccessTTL.Milliseconds(), IdleTTL: client.IdleTTL.Milliseconds(),
		AbsoluteTTL: client.AbsoluteTTL.Milliseconds(), RedirectURIs: list(client.RedirectURIs),
		PostLogoutRedirectURIs: list(client.PostLogoutRedirectURIs), BackchannelLogoutURI: client.BackchannelLogoutURI,
		InitiateLoginURI: client.InitiateLoginURI, AlwaysConsent: client.AlwaysConsent,
		OptionalPKCE:  client.OptionalPKCE,
		OldSecretHash: client.OldSecretHash, OldSecretUntil: millis(client.OldSecretUntil),
		JWKS: client.JWKS, JWKSURI: client.JWKSURI, RequirePAR: client.RequirePAR,
		LegacyAudienceUntil: millis(client.LegacyAudienceUntil),
	}, nil
}

// Create implements identity.Clients.
func (c *Clients) Create(ctx context.Context, client identity.Client) error {
	row, err := newClientRow(client)
	if err != nil {
		return err
	}
	event := identity.Event{Kind: identity.EventClientCreated, ClientID: client.ID}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, now time.Time) error {
		row.CreatedAt = now.UnixMilli()
		var taken int64
		err := tx.Raw("SELECT (SELECT count(*) FROM users WHERE id = ?) + (SELECT count(*) FROM "+
			"retired_subjects WHERE hash = ?)", client.ID, subjectHash(client.ID)).Scan(&taken).Error
		if err != nil {
			return err
		}
		if taken > 0 { // a client must not be mistaken for a user (RFC 9700 §4.15)
			return identity.ErrExists
		}
		if err := identity.ValidClientID(client.ID); err != nil {
			return err
		}
		return exists(tx.Create(&row).Error)
	})
}

// list returns a list as it is read from the database: never nil.
func list(items []string) textList { return append(textList{}, items...) }

// Find implements identity.Clients.
func (c *Clients) Find(ctx context.Context, id string) (identity.Client, error) {
	var row clientRow
	if storable(id) != nil {
		return identity.Client{}, identity.ErrNotFound
	}
	err := one(c.db.read.WithContext(ctx).Raw("SELECT * FROM clients WHERE id = ?", id), &row)
	return row.client(), err
}

// Update implements identity.Clients.
func (c *Clients) Update(ctx context.Context, client identity.Client) error {
	row, err := newClientRow(client)
	if err != nil {
		return err
	}
	return c.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		var stored clientRow
		if err := one(tx.Raw("SELECT * FROM clients WHERE id = ?"+c.db.dialect.forUpdate, client.ID),
			&stored); err != nil {
			return err
		}
		row.SecretHash, row.OldSecretHash, row.OldSecretUntil = stored.SecretHash, stored.OldSecretHash,
			stored.OldSecretUntil
		row.CreatedAt, row.DisabledAt = stored.CreatedAt, stored.DisabledAt
		changes := differences(stored.client(), row.client())
		if len(changes) == 0 {
			return nil
		}
		if err := changed(tx.Select("*").Updates(&row)); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventClientUpdated, ClientID: client.ID,
			Detail: strings.Join(changes, ", ")})
	})
}

// differences returns the names of the columns in which two records differ.
func differences[R any](a, b R) (names []string) {
	before, after := reflect.ValueOf(a), reflect.ValueOf(b)
	for n := range before.NumField() {
		if !reflect.DeepEqual(before.Field(n).Interface(), after.Field(n).Interface()) {
			names = append(names, schema.NamingStrategy{}.ColumnName("", before.Type().Field(n).Name))
		}
	}
	return names
}

// SetSecret implements identity.Clients.
func (c *Clients) SetSecret(ctx context.Context, id string, hash []byte, keep time.Duration) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	event := identity.Event{Kind: identity.EventClientSecret, ClientID: id}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, now time.Time) error {
		if keep <= 0 {
			return changed(tx.Exec("UPDATE clients SET secret_hash = ?, old_secret_hash = NULL, "+
				"old_secret_until = NULL WHERE id = ?", hash, id))
		}
		return changed(tx.Exec("UPDATE clients SET old_secret_hash = secret_hash, old_secret_until = ?, "+
			"secret_hash = ? WHERE id = ?", now.Add(keep).UnixMilli(), hash, id))
	})
}

// SetRefreshKeys implements identity.Clients.
func (c *Clients) SetRefreshKeys(ctx context.Context, id string, on bool) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	event := identity.Event{Kind: identity.EventClientRefreshKeys, ClientID: id, Detail: "off"}
	if on {
		event.Detail = "on"
	}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("UPDATE clients SET refresh_keys = ? WHERE id = ?", on, id))
	})
}

// SetLegacyAudience implements identity.Clients.
func (c *Clients) SetLegacyAudience(ctx context.Context, id string, until time.Time) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	event := identity.Event{Kind: identity.EventLegacyAudience, ClientID: id, Detail: "off"}
	if !until.IsZero() {
		event.Detail = "until " + until.UTC().Format(time.RFC3339)
	}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("UPDATE clients SET legacy_audience_until = ? WHERE id = ?", millis(until), id))
	})
}

// Disable implements identity.Clients.
func (c *Clients) Disable(ctx context.Context, id string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	event := identity.Event{Kind: identity.EventClientDisabled, ClientID: id}
	return withEvent(ctx, c.db, event, func(tx *gorm.DB, now time.Time) error {
		return changed(tx.Exec("UPDATE clients SET disabled_at = coalesce(disabled_at, ?) WHERE id = ?",
			now.UnixMilli(), id))
	})
}

// List implements identity.Clients.
func (c *Clients) List(ctx context.Context) ([]identity.Client, error) {
	return listed(c.db.read.WithContext(ctx), clientRow.client, "SELECT * FROM clients ORDER BY id")
}
