package signin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// checkDeletion refuses a user who asked to be deleted, unless the request says that he has changed his mind.
// Programs sign in by themselves, so a sign-in alone says nothing; nor does a program of somebody else's,
// which could say so every time.
func (s *Service) checkDeletion(ctx context.Context, r Request, user identity.User) error {
	if !user.DeletionRequested() {
		return nil
	}
	if user.Dismissed {
		return oauth.NewError(oauth.InvalidGrant, "This account will be deleted at "+
			user.DeletesAt.UTC().Format(time.RFC3339)+
			". Its operator can keep it.")
	}
	if !r.Client.FirstParty || !r.RestoreAccount {
		return oauth.NewError(oauth.InvalidGrant, "This account will be deleted at "+
			user.DeletesAt.UTC().Format(time.RFC3339)+". "+
			"Sign in with restore_account=true to keep it.")
	}
	switch err := s.deletions.CancelDeletion(ctx, user.ID); {
	case isNotFound(err):
		return oauth.NewError(oauth.InvalidGrant, "This account has been deleted.")
	case err != nil:
		return oauth.StoreFailed(err)
	}
	return nil
}
