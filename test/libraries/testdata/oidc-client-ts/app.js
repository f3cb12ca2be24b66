// The script of index.html. Its settings are in /settings.js. It refreshes its token every second.
const manager = new oidc.UserManager({
  ...settings, redirect_uri: location.origin + '/callback', post_logout_redirect_uri: location.origin + '/',
  scope: 'openid profile', loadUserInfo: true, automaticSilentRenew: true,
  accessTokenExpiringNotificationTimeInSeconds: 3599, revokeTokensOnSignout: true,
})
const element = id => document.getElementById(id)
const fail = error => { element('error').textContent = error }

function show(user) {
  element('signed-in').hidden = !user
  element('signed-out').hidden = !!user
  element('user').textContent = user ? user.profile.preferred_username : ''
  element('token').textContent = user ? user.access_token : ''
}

manager.events.addUserLoaded(show)
manager.events.addSilentRenewError(fail)
element('sign-in').onclick = () => manager.signinRedirect().catch(fail)
element('sign-in-popup').onclick = () => manager.signinPopup().catch(fail)
element('sign-out').onclick = () => manager.signoutRedirect().catch(fail)
if (location.pathname === '/callback') {
  manager.signinCallback().then(user => user && location.replace('/')).catch(fail)
} else {
  manager.getUser().then(show).catch(fail)
}
