package admin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

// Users manages users. It is safe for concurrent use. Methods return UnknownError if there is no user with the id,
// except Accounts, which then returns an empty list.
type Users struct {
	users        identity.Users
	accounts     identity.Accounts
	entitlements identity.Entitlements
	deletions    identity.Deletions
	sessions     identity.Sessions
	hasher       PasswordHasher
}

// UsersConfig holds the dependencies of Users. All fields are required.
type UsersConfig struct {
	Users        identity.Users
	Accounts     identity.Accounts
	Entitlements identity.Entitlements
	Deletions    identity.Deletions
	Sessions     identity.Sessions
	Hasher       PasswordHasher
}

// PasswordHasher hashes passwords. It is implemented by [password.Hasher].
type PasswordHasher interface {
	Hash(ctx context.Context, caller password.Caller, password string) (string, error)
}

// NewUsers returns a Users.
func NewUsers(c UsersConfig) *Users {
	return &Users{
		users: c.Users, accounts: c.Accounts, entitlements: c.Entitlements, deletions: c.Deletions,
		sessions: c.Sessions, hasher: c.Hasher,
	}
}

// NewPassword is a new password from an operator.
type NewPassword struct {
	Text   identity.Secret
	Hashed bool // Text is another program's hash, for which the password policy cannot be checked
}

// ErrHashGiven means that a password is another program's hash. It is rejected because anyone who has seen that
// program's database would know the password.
var ErrHashGiven = errors.New("this is a hash of a password, not a password")

// hash checks a new password and returns its hash.
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
	return u.hasher.Hash(ctx, password.Caller{}, text)
}

// Find finds a user by id or user name. It returns UnknownError if there is none, and RefusedError if the argument is
// the id of one user and the name of another, which is possible for imported ids.
func (u *Users) Find(ctx context.Context, actor identity.Actor, name string) (identity.User, error) {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.users.Find(ctx, name)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return user, err
	}
	named, err2 := u.users.FindByUsername(ctx, name)
	switch {
	case err2 != nil && !errors.Is(err2, identity.ErrNotFound):
		return identity.User{}, err2
	case errors.Is(err, identity.ErrNotFound):
		return named, unknown(err2, "user", name)
	case err2 == nil && named.ID != user.ID:
		return identity.User{}, refused(nil,
			"%q is the id of one user and the user name of another, %s; nothing was done",
			name, named.ID)
	}
	return user, nil
}

// Create adds a user who signs in with a name and a password. It returns RefusedError with identity.ErrExists if the
// name is taken or looks like one that is taken, ErrHashGiven, and the errors of [identity.NewUsername],
// [password.CheckPolicy] and [password.CheckHash].
func (u *Users) Create(ctx context.Context, actor identity.Actor, username string,
	secret NewPassword) (identity.User, error) {
	ctx = identity.WithActor(ctx, actor)
	if _, err := identity.NewUsername(username); err != nil {
		return identity.User{}, err
	}
	hash, err := u.hash(ctx, secret)
	if err != nil {
		return identity.User{}, err
	}
	user, err := u.users.Create(ctx, username, hash)
	if errors.Is(err, identity.ErrExists) {
		err = refused(err, "the name %q is taken, perhaps in another spelling, or looks like one that is taken",
			username)
	}
	return user, err
}

// List returns up to limit users with an id greater than after, sorted by id. It returns clients.FieldError if limit is
// less than 1.
func (u *Users) List(ctx context.Context, actor identity.Actor, after string, limit int) ([]identity.User, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return u.users.List(identity.WithActor(ctx, actor), after, limit)
}

func checkLimit(limit int) error {
	if limit < 1 {
		return clients.FieldError{Field: "limit", Reason: "must be at least 1"}
	}
	return nil
}

// Accounts returns the accounts of a user, sorted by key.
func (u *Users) Accounts(ctx context.Context, actor identity.Actor, id string) ([]identity.Account, error) {
	return u.accounts.List(identity.WithActor(ctx, actor), id)
}

// Disable prevents a user from signing in and ends all their sessions. It returns UnknownError if there is no such
// user.
func (u *Users) Disable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(u.users.Disable(identity.WithActor(ctx, actor), id), "user", id)
}

// Enable lets a disabled user sign in again. It returns UnknownError if there is no such user.
func (u *Users) Enable(ctx context.Context, actor identity.Actor, id string) error {
	return unknown(u.users.Enable(identity.WithActor(ctx, actor), id), "user", id)
}

// CheckMayHavePassword returns RefusedError if a user was merged or has no user name, and so cannot have a password.
func CheckMayHavePassword(user identity.User) error {
	if user.MergedInto != "" {
		return merged(user)
	}
	if user.Username == "" {
		return refused(nil, "%s has no user name to sign in with, so a password would be useless", user.ID)
	}
	return nil
}

// SetPassword replaces a user's password and ends all their sessions. It returns ErrHashGiven, and the errors of
// [CheckMayHavePassword], [password.CheckPolicy] and [password.CheckHash].
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

// GrantRole gives a user a role. Tokens contain it from the next sign-in or refresh on. GrantRole returns
// clients.FieldError if the role's name is invalid.
func (u *Users) GrantRole(ctx context.Context, actor identity.Actor, id, role string) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return unknown(u.entitlements.GrantRole(identity.WithActor(ctx, actor), id, role), "user", id)
}

// RevokeRole removes a user's role. It returns clients.FieldError if the role's name is invalid.
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

// SetClaims replaces a user's claims with those in a JSON object. It returns the errors of [identity.ParseClaims].
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
	Accounts int // number of accounts that would be deleted
	Sessions int // number of sessions that would end
}

// PreviewDeletion returns what Delete would do, or its errors.
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

// Delete ends all sessions of a user and schedules the deletion of the user after the grace period, including their
// accounts and all users who were merged into them. It returns the time of the deletion. It returns clients.FieldError
// if grace is negative, UnknownError if there is no such user, and RefusedError if the user was merged.
func (u *Users) Delete(ctx context.Context, actor identity.Actor, id string, grace time.Duration) (time.Time, error) {
	ctx = identity.WithActor(ctx, actor)
	if _, err := u.deletable(ctx, id, grace); err != nil {
		return time.Time{}, err
	}
	at, err := u.deletions.ScheduleDeletion(ctx, id, grace)
	if errors.Is(err, identity.ErrNotFound) {
		err = refused(err, "%s was deleted or merged into another user in the meantime", id)
	}
	return at, err
}

func (u *Users) deletable(ctx context.Context, id string, grace time.Duration) (identity.User, error) {
	if grace < 0 {
		return identity.User{}, clients.FieldError{Field: "grace", Reason: "must be at least 0s"}
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

// Undelete cancels a scheduled deletion, which the user or an operator requested. It returns UnknownError if there is
// no such user, and RefusedError if the user was merged or no deletion is scheduled.
func (u *Users) Undelete(ctx context.Context, actor identity.Actor, id string) error {
	ctx = identity.WithActor(ctx, actor)
	user, err := u.users.Find(ctx, id)
	switch {
	case err != nil:
		return unknown(err, "user", id)
	case user.MergedInto != "":
		return merged(user)
	case !user.DeletionRequested():
		return refused(nil, "no deletion of %s is scheduled", user.ID)
	}
	return unknown(u.deletions.CancelDeletion(ctx, id), "user", id)
}

// merged returns the RefusedError for a user who was merged into another one.
func merged(user identity.User) error {
	return refused(nil, "%s was merged into %s: use that user, or undo the merge with lingpai users unmerge", user.ID,
		user.MergedInto)
}

// UserView is a user in the form that operators see.
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

// ViewUser returns the view of a user, without the hash of their password.
func ViewUser(user identity.User) UserView {
	return UserView{
		ID: user.ID, Username: user.Username, Password: user.PasswordHash != "", CreatedAt: instant(user.CreatedAt),
		DisabledAt: instant(user.DisabledAt),
		DeletesAt:  instant(user.DeletesAt), MergedInto: user.MergedInto, Roles: user.Roles, Claims: user.Claims,
	}
}

// AccountView is an account at a platform in the form that operators see.
type AccountView struct {
	Platform  string `json:"platform"`
	App       string `json:"appid"`
	Subject   string `json:"openid"`
	UnionID   string `json:"unionid,omitempty"`
	CreatedAt string `json:"created_at"`
}

// UserWithAccountsView is a user with their accounts.
type UserWithAccountsView struct {
	UserView
	Accounts []AccountView `json:"accounts"`
}

// ViewUserWithAccounts returns the view of a user with their accounts.
func ViewUserWithAccounts(user identity.User, accounts []identity.Account) UserWithAccountsView {
	view := UserWithAccountsView{ViewUser(user), make([]AccountView, len(accounts))}
	for n, a := range accounts {
		view.Accounts[n] = AccountView{a.Platform, a.App, a.Subject, a.UnionID, instant(a.CreatedAt)}
	}
	return view
}
