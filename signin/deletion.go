package signin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// checkDeletion rejects a user who asked to be deleted, unless a first-party client sends restore_account=true. A
// sign-in alone does not cancel the deletion, because programs sign in by themselves. Third-party clients cannot
// cancel it, because they could send the parameter every time. It returns oauth.InvalidGrant.
func (s *Service) checkDeletion(ctx context.Context, r Request, user identity.User) error {
	if !user.DeletionRequested() {
		return nil
	}
	if user.DeletionByOperator {
		return oauth.NewError(oauth.InvalidGrant, "This account will be deleted at "+
			user.DeletesAt.UTC().Format(time.RFC3339)+". "+
			"Only the operator can restore it.")
	}
	if !r.Client.FirstParty || !r.RestoreAccount {
		return oauth.NewError(oauth.InvalidGrant, "This account will be deleted at "+
			user.DeletesAt.UTC().Format(time.RFC3339)+". "+
			"Sign in with restore_account=true to restore it.")
	}
	switch err := s.deletions.CancelDeletion(ctx, user.ID); {
	case isNotFound(err):
		return oauth.NewError(oauth.InvalidGrant, "This account has been deleted.")
	case err != nil:
		return oauth.StoreFailed(err)
	}
	return nil
}
