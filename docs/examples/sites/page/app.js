// The script of the page. It has the tokens itself: any script that runs in the page can take them.
const issuer = 'http://127.0.0.1:8080'
const manager = new oidc.UserManager({
  authority: issuer, client_id: 'shop-page', scope: 'openid profile',
  redirect_uri: location.origin + '/', post_logout_redirect_uri: location.origin + '/',
  revokeTokensOnSignout: true,
})

const element = selector => document.querySelector(selector)
function show(user) {
  element('#signed-in').hidden = !user
  element('#sign-in').hidden = !!user
  element('#user').textContent = user?.profile.preferred_username
}

manager.events.addUserLoaded(show) // after signing in, and after each refresh, which the library does by itself
manager.events.addSilentRenewError(() => manager.removeUser().then(show))
element('#sign-in').onclick = () => manager.signinRedirect()
element('#sign-out').onclick = () => manager.signoutRedirect()
element('#profile').onclick = async () => {
  const { access_token } = await manager.getUser()
  const response = await fetch(issuer + '/userinfo', { headers: { authorization: `Bearer ${access_token}` } })
  element('pre').textContent = JSON.stringify(await response.json())
  element('pre').hidden = false
}

if (/[?&](code|error)=/.test(location.search)) {
  manager.signinCallback().then(() => history.replaceState(null, '', '/'))
} else {
  manager.getUser().then(show)
}
