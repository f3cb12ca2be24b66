package admin_test

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
)

type recordedClients struct {
	identity.Clients
	*recorder
}

func (s recordedClients) Create(ctx context.Context, client identity.Client) error {
	s.record(ctx)
	return s.Clients.Create(ctx, client)
}

func (s recordedClients) Find(ctx context.Context, id string) (identity.Client, error) {
	s.record(ctx)
	return s.Clients.Find(ctx, id)
}

func (s recordedClients) Update(ctx context.Context, client identity.Client) error {
	s.record(ctx)
	return s.Clients.Update(ctx, client)
}

func (s recordedClients) SetSecret(ctx context.Context, id string, hash []byte, keep time.Duration) error {
	s.record(ctx)
	return s.Clients.SetSecret(ctx, id, hash, keep)
}

func (s recordedClients) SetRefreshKeys(ctx context.Context, id string, on bool) error {
	s.record(ctx)
	return s.Clients.SetRefreshKeys(ctx, id, on)
}

func (s recordedClients) Disable(ctx context.Context, id string) error {
	s.record(ctx)
	return s.Clients.Disable(ctx, id)
}

func (s recordedClients) List(ctx context.Context) ([]identity.Client, error) {
	s.record(ctx)
	return s.Clients.List(ctx)
}

type recordedApps struct {
	identity.Apps
	*recorder
}

func (s recordedApps) Add(ctx context.Context, app identity.App) error {
	s.record(ctx)
	return s.Apps.Add(ctx, app)
}

func (s recordedApps) Update(ctx context.Context, app identity.App) error {
	s.record(ctx)
	return s.Apps.Update(ctx, app)
}

func (s recordedApps) Remove(ctx context.Context, platform, id string) error {
	s.record(ctx)
	return s.Apps.Remove(ctx, platform, id)
}

func (s recordedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	s.record(ctx)
	return s.Apps.Find(ctx, platform, id)
}

func (s recordedApps) SetSecret(ctx context.Context, platform, id string, secret identity.Secret) error {
	s.record(ctx)
	return s.Apps.SetSecret(ctx, platform, id, secret)
}

func (s recordedApps) SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error {
	s.record(ctx)
	return s.Apps.SetOpenPlatform(ctx, platform, id, openPlatform)
}

func (s recordedApps) SetPhoneBudget(ctx context.Context, platform, id string, budget int) error {
	s.record(ctx)
	return s.Apps.SetPhoneBudget(ctx, platform, id, budget)
}

func (s recordedApps) PhoneUse(ctx context.Context, platform, id string) (identity.PhoneUse, error) {
	s.record(ctx)
	return s.Apps.PhoneUse(ctx, platform, id)
}

func (s recordedApps) List(ctx context.Context) ([]identity.App, error) {
	s.record(ctx)
	return s.Apps.List(ctx)
}

type recordedUsers struct {
	identity.Users
	*recorder
}

type recordedAccounts struct {
	identity.Accounts
	*recorder
}

type recordedEntitlements struct {
	identity.Entitlements
	*recorder
}

type recordedDeletions struct {
	identity.Deletions
	*recorder
}

func (s recordedUsers) Create(ctx context.Context, username, passwordHash string) (identity.User, error) {
	s.record(ctx)
	return s.Users.Create(ctx, username, passwordHash)
}

func (s recordedUsers) Find(ctx context.Context, id string) (identity.User, error) {
	s.record(ctx)
	return s.Users.Find(ctx, id)
}

func (s recordedUsers) FindByUsername(ctx context.Context, username string) (identity.User, error) {
	s.record(ctx)
	return s.Users.FindByUsername(ctx, username)
}

func (s recordedUsers) Disable(ctx context.Context, id string) error {
	s.record(ctx)
	return s.Users.Disable(ctx, id)
}

func (s recordedUsers) Enable(ctx context.Context, id string) error {
	s.record(ctx)
	return s.Users.Enable(ctx, id)
}

func (s recordedUsers) SetPassword(ctx context.Context, id, passwordHash string) error {
	s.record(ctx)
	return s.Users.SetPassword(ctx, id, passwordHash)
}

func (s recordedEntitlements) GrantRole(ctx context.Context, id, role string) error {
	s.record(ctx)
	return s.Entitlements.GrantRole(ctx, id, role)
}

func (s recordedEntitlements) RevokeRole(ctx context.Context, id, role string) error {
	s.record(ctx)
	return s.Entitlements.RevokeRole(ctx, id, role)
}

func (s recordedEntitlements) SetClaims(ctx context.Context, id string, claims identity.Claims) error {
	s.record(ctx)
	return s.Entitlements.SetClaims(ctx, id, claims)
}

func (s recordedAccounts) List(ctx context.Context, userID string) ([]identity.Account, error) {
	s.record(ctx)
	return s.Accounts.List(ctx, userID)
}

func (s recordedDeletions) ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	s.record(ctx)
	return s.Deletions.ScheduleDeletion(ctx, id, grace)
}

func (s recordedDeletions) CancelDeletion(ctx context.Context, id string) error {
	s.record(ctx)
	return s.Deletions.CancelDeletion(ctx, id)
}

func (s recordedUsers) List(ctx context.Context, after string, limit int) ([]identity.User, error) {
	s.record(ctx)
	return s.Users.List(ctx, after, limit)
}

type recordedImports struct {
	identity.Imports
	*recorder
}

func (s recordedImports) Import(ctx context.Context, people []identity.ImportedUser) ([]identity.ImportResult, error) {
	s.record(ctx)
	return s.Imports.Import(ctx, people)
}

type recordedMerges struct {
	identity.Merges
	*recorder
}

func (s recordedMerges) Duplicates(ctx context.Context, after identity.Duplicate, limit int,
) ([]identity.Duplicate, error) {
	s.record(ctx)
	return s.Merges.Duplicates(ctx, after, limit)
}

func (s recordedMerges) Preview(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	s.record(ctx)
	return s.Merges.Preview(ctx, retired, survivor)
}

func (s recordedMerges) Merge(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	s.record(ctx)
	return s.Merges.Merge(ctx, retired, survivor)
}

func (s recordedMerges) Undo(ctx context.Context, id string) (identity.Merge, error) {
	s.record(ctx)
	return s.Merges.Undo(ctx, id)
}

func (s recordedMerges) List(ctx context.Context, limit int) ([]identity.Merge, error) {
	s.record(ctx)
	return s.Merges.List(ctx, limit)
}

type recordedSessions struct {
	identity.Sessions
	*recorder
}

func (s recordedSessions) List(ctx context.Context, userID string) ([]identity.Session, error) {
	s.record(ctx)
	return s.Sessions.List(ctx, userID)
}

func (s recordedSessions) End(ctx context.Context, id, reason string) (bool, error) {
	s.record(ctx)
	return s.Sessions.End(ctx, id, reason)
}

func (s recordedSessions) EndAll(ctx context.Context, userID, reason string) (int64, error) {
	s.record(ctx)
	return s.Sessions.EndAll(ctx, userID, reason)
}

func (s recordedSessions) EndBefore(ctx context.Context, before time.Time, reason string) (int64, error) {
	s.record(ctx)
	return s.Sessions.EndBefore(ctx, before, reason)
}

func (s recordedSessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	s.record(ctx)
	return s.Sessions.EndSince(ctx, since, reason)
}

type recordedEvents struct {
	identity.Events
	*recorder
}

func (s recordedEvents) Record(ctx context.Context, event identity.Event) error {
	s.record(ctx)
	return s.Events.Record(ctx, event)
}

func (s recordedEvents) List(ctx context.Context, of identity.EventsOf, limit int) ([]identity.Event, error) {
	s.record(ctx)
	return s.Events.List(ctx, of, limit)
}

type recordedKeys struct {
	keys.Store
	*recorder
}

func (s recordedKeys) Keys(ctx context.Context) ([]keys.Record, error) {
	s.record(ctx)
	return s.Store.Keys(ctx)
}

func (s recordedKeys) Update(ctx context.Context, plan func(time.Time, []keys.Record) (keys.Change, error)) error {
	s.record(ctx)
	return s.Store.Update(ctx, plan)
}

// recordedRest implements SecretRewrapper and AccountLister.
type recordedRest struct {
	database *sql.DB
	*recorder
}

func (s recordedRest) Rewrap(ctx context.Context) (int, error) {
	s.record(ctx)
	return s.database.Apps().Rewrap(ctx)
}

func (s recordedRest) Each(ctx context.Context, platform string, do func(identity.AccountKey) error) error {
	s.record(ctx)
	return s.database.Accounts().Each(ctx, platform, do)
}

type recordedBrowsers struct {
	identity.BrowserSessions
	*recorder
}

func (s recordedBrowsers) List(ctx context.Context, userID string) ([]identity.BrowserSession, error) {
	s.record(ctx)
	return s.BrowserSessions.List(ctx, userID)
}

func (s recordedBrowsers) End(ctx context.Context, id, reason string, all bool) (bool, error) {
	s.record(ctx)
	return s.BrowserSessions.End(ctx, id, reason, all)
}

type recordedConsents struct {
	identity.Consents
	*recorder
}

func (s recordedConsents) List(ctx context.Context, userID string) ([]identity.Consent, error) {
	s.record(ctx)
	return s.Consents.List(ctx, userID)
}

func (s recordedConsents) Withdraw(ctx context.Context, userID, clientID string) (bool, error) {
	s.record(ctx)
	return s.Consents.Withdraw(ctx, userID, clientID)
}
