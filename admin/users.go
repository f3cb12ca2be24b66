package admin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

// Users manages people who sign in. Actions on the id of nobody return an UnknownError. It is safe for parallel use.
type Users struct {
	users        identity.Users
	accounts     identity.Accounts
	entitlements identity.Entitlements
	deletions    identity.Deletions
	sessions     identity.Sessions
	hasher       PasswordHasher
}

// UsersConfig is what Users works with. All fields are required.
type UsersConfig struct {
	Users        identity.Users
	Accounts     identity.Accounts
	Entitlements identity.Entitlements
	Deletions    identity.Deletions
	Sessions     identity.Sessions
	Hasher       PasswordHasher
}

// PasswordHasher is a [password.Hasher].
type PasswordHasher interface {
	Hash(ctx context.Context, address, password string) (string, error)
}

// NewUsers returns what manages the users of a store.
func NewUsers(c UsersConfig) *Users {
	return &Users{
		users: c.Users, accounts: c.Accounts, entitlements: c.Entitlements, deletions: c.Deletions,
		sessions: c.Sessions, hasher: c.Hasher,
	}
}

// NewPassword is a password as an operator gives it.
type NewPassword struct {
	Text   identity.Secret
	Hashed bool // Text is another program's hash of it; a hash does not show whether its password is a good one
}

// ErrHashGiven means that a hash was given as a password: whoever saw the other program's database would know it.
var ErrHashGiven = errors.New("this is not a password but the hash of one")

// hash checks a password and hashes it, or checks a hash.
func (u *Users) hash(ctx context.Context, p NewPassword) (string, error) {
	text := p.Text.Reveal()
	if p.Hashed {
		return text, password.CheckHash(text)
	}
	if password.CheckHash(text) == nil {
		return "", ErrHashGiven
	}
	if err := password.CheckPolicy(text); err != nil {
		return "", err
	}
	return u.hasher.Hash(ctx, "", text)
}

// Find finds a user by id or by user name. The id of one may be the name of another, if it was imported: that is
// refused. UnknownError.
func (u *Users) Find(ctx context.Context, actor identity.Actor, name string) (identity.User, error) {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.users.Find(ctx, name)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return user, err
	}
	named, err2 := u.users.FindByUsername(ctx, name)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return named, unknown(err2, "user", name)
	case err2 == nil && named.ID != user.ID:
		return identity.User{}, refused(nil,
			"%q is the id of one user and the user name of another, %s; nothing was done",
			name, named.ID)
	}
	return user, nil
}

// Create adds a user who signs in by name and password. RefusedError with identity.ErrExists: the name is taken;
// otherwise what [identity.CanonicalUsername] and the rules of passwords say.
func (u *Users) Create(ctx context.Context, actor identity.Actor, username string,
	secret NewPassword) (identity.User, error) {
	ctx = identity.WithActor(ctx, actor)
	if _, err := identity.CanonicalUsername(username); err != nil {
		return identity.User{}, err
	}
	hash, err := u.hash(ctx, secret)
	if err != nil {
		return identity.User{}, err
	}
	user, err := u.users.Create(ctx, username, hash)
	if errors.Is(err, identity.ErrExists) {
		err = refused(err, "the name %q is taken, perhaps in another spelling", username)
	}
	return user, err
}

// List returns up to limit users whose id follows after, in the order of ids. clients.FieldError of the limit.
func (u *Users) List(ctx context.Context, actor identity.Actor, after string, limit int) ([]identity.User, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return u.users.List(identity.WithActor(ctx, actor), after, limit)
}

func checkLimit(limit int) error {
	if limit < 1 {
		return clients.FieldError{Field: "limit", Reason: "at least 1"}
	}
	return nil
}

// Accounts returns the accounts that lead to a user, in the order of their keys.
func (u *Users) Accounts(ctx context.Context, actor identity.Actor, id string) ([]identity.Account, error) {
	return u.accounts.List(identity.WithActor(ctx, actor), id)
}

// Disable keeps a user from signing in and ends all their sessions.
func (u *Users) Disable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(u.users.Disable(identity.WithActor(ctx, actor), id), "user", id)
}

// Enable lets a disabled user sign in again.
func (u *Users) Enable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(u.users.Enable(identity.WithActor(ctx, actor), id), "user", id)
}

// CheckMayHavePassword returns why a user cannot be given a password, as a RefusedError.
func CheckMayHavePassword(user identity.User) error {
	if user.MergedInto != "" {
		return merged(user)
	}
	if user.Username == "" {
		return refused(nil, "%s has no user name to sign in with, so a password would be of no use", user.ID)
	}
	return nil
}

// SetPassword replaces a user's password and ends all their sessions. RefusedError as of [CheckMayHavePassword];
// otherwise what the rules of passwords say.
func (u *Users) SetPassword(ctx context.Context, actor identity.Actor, id string, secret NewPassword) error {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.users.Find(ctx, id)
	if err != nil {
		return unknown(err, "user", id)
	}
	if err := CheckMayHavePassword(user); err != nil {
		return err
	}
	hash, err := u.hash(ctx, secret)
	if err != nil {
		return err
	}
	return unknown(u.users.SetPassword(ctx, id, hash), "user", id)
}

// GrantRole gives a user a role, of which tokens tell from the next sign-in or refresh on. clients.FieldError.
func (u *Users) GrantRole(ctx context.Context, actor identity.Actor, id, role string) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return unknown(u.entitlements.GrantRole(identity.WithActor(ctx, actor), id, role), "user", id)
}

// RevokeRole takes a role from a user. clients.FieldError.
func (u *Users) RevokeRole(ctx context.Context, actor identity.Actor, id, role string) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return unknown(u.entitlements.RevokeRole(identity.WithActor(ctx, actor), id, role), "user", id)
}

func checkRole(role string) error {
	if _, err := identity.NormalizeRoles([]string{role}); err != nil {
		return clients.FieldError{Field: "role", Reason: err.Error()}
	}
	return nil
}

// SetClaims replaces the claims of a user by a JSON object, as [identity.ParseClaims] reads it.
func (u *Users) SetClaims(ctx context.Context, actor identity.Actor, id string, object []byte) error {
	claims, err := identity.ParseClaims(object)
	if err != nil {
		return err
	}
	return unknown(u.entitlements.SetClaims(identity.WithActor(ctx, actor), id, claims), "user", id)
}

// Deletion is what the deletion of a user would do.
type Deletion struct {
	User     identity.User
	Accounts int // that would go
	Sessions int // that would end
}

// PreviewDeletion returns what Delete would do, and refuses what it would refuse.
func (u *Users) PreviewDeletion(ctx context.Context, actor identity.Actor, id string,
	grace time.Duration) (Deletion, error) {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.deletable(ctx, id, grace)
	if err != nil {
		return Deletion{}, err
	}
	accounts, err := u.accounts.List(ctx, id)
	if err != nil {
		return Deletion{}, err
	}
	sessions, err := u.sessions.List(ctx, id)
	return Deletion{user, len(accounts), len(sessions)}, err
}

// Delete ends all sessions of a user and has them deleted when the grace is over, with their accounts and all users
// merged into them. It returns when. clients.FieldError of the grace; UnknownError; RefusedError: the user was merged.
func (u *Users) Delete(ctx context.Context, actor identity.Actor, id string, grace time.Duration) (time.Time, error) {
	ctx = identity.WithActor(ctx, actor)
	if _, err := u.deletable(ctx, id, grace); err != nil {
		return time.Time{}, err
	}
	at, err := u.deletions.ScheduleDeletion(ctx, id, grace)
	if errors.Is(err, identity.ErrNotFound) {
		err = refused(err, "%s was deleted or merged into another user meanwhile", id)
	}
	return at, err
}

func (u *Users) deletable(ctx context.Context, id string, grace time.Duration) (identity.User, error) {
	if grace < 0 {
		return identity.User{}, clients.FieldError{Field: "grace", Reason: "at least 0s"}
	}
	user, err := u.users.Find(ctx, id)
	switch {
	case err != nil:
		return user, unknown(err, "user", id)
	case user.MergedInto != "":
		return user, merged(user)
	}
	return user, nil
}

// Undelete cancels a deletion, whoever asked for it. UnknownError; RefusedError: the user was merged, or none was asked
// for.
func (u *Users) Undelete(ctx context.Context, actor identity.Actor, id string) error {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.users.Find(ctx, id)
	switch {
	case err != nil:
		return unknown(err, "user", id)
	case user.MergedInto != "":
		return merged(user)
	case !user.DeletionRequested():
		return refused(nil, "%s is not to be deleted", user.ID)
	}
	return unknown(u.deletions.CancelDeletion(ctx, id), "user", id)
}

// merged refuses to act on a user who is another one by now.
func merged(user identity.User) error {
	return refused(nil, "%s was merged into %s: use that one, or undo the merge with lingpai users unmerge", user.ID,
		user.MergedInto)
}

// UserView is a user as operators see them.
type UserView struct {
	ID         string          `json:"sub"`
	Username   string          `json:"username,omitempty"`
	Password   bool            `json:"has_password"`
	CreatedAt  string          `json:"created_at"`
	DisabledAt string          `json:"disabled_at,omitempty"`
	DeletesAt  string          `json:"deletes_at,omitempty"`
	MergedInto string          `json:"merged_into,omitempty"`
	Roles      []string        `json:"roles,omitempty"`
	Claims     identity.Claims `json:"claims,omitempty"`
}

// ViewUser shows a user without the hash of their password.
func ViewUser(user identity.User) UserView {
	return UserView{
		ID: user.ID, Username: user.Username, Password: user.PasswordHash != "", CreatedAt: instant(user.CreatedAt),
		DisabledAt: instant(user.DisabledAt),
		DeletesAt:  instant(user.DeletesAt), MergedInto: user.MergedInto, Roles: user.Roles, Claims: user.Claims,
	}
}

// AccountView is an account at a platform as operators see it.
type AccountView struct {
	Platform  string `json:"platform"`
	App       string `json:"appid"`
	Subject   string `json:"openid"`
	UnionID   string `json:"unionid,omitempty"`
	CreatedAt string `json:"created_at"`
}

// UserWithAccountsView is a user with the accounts that lead to them.
type UserWithAccountsView struct {
	UserView
	Accounts []AccountView `json:"accounts"`
}

// ViewUserWithAccounts shows a user and accounts.
func ViewUserWithAccounts(user identity.User, accounts []identity.Account) UserWithAccountsView {
	view := UserWithAccountsView{ViewUser(user), make([]AccountView, len(accounts))}
	for n, a := range accounts {
		view.Accounts[n] = AccountView{a.Platform, a.App, a.Subject, a.UnionID, instant(a.CreatedAt)}
	}
	return view
}
