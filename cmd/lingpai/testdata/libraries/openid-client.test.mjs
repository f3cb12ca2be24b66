// Uses openid-client as a back end or a relying party does: it knows only the issuer, and discovers
// the rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as client from 'openid-client'
import { backend, issuer, miniProgram, service, user, wxLogin } from './world.mjs'

// The issuer is http on this machine, so https is not required; the signature of every ID token is checked with the
// published keys.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]
const discover = (id, authentication, algorithm = 'oidc') =>
  client.discovery(new URL(issuer), id, undefined, authentication, { algorithm, execute })
const asMiniProgram = () => discover(miniProgram, client.None())
const asBackend = (authentication = client.ClientSecretBasic(backend.secret)) => discover(backend.id, authentication)
const signIn = async (config, scope) => client.genericGrantRequest(config, 'wechat_code', { code: await wxLogin(), scope })

test('both forms of discovery return the same metadata', async () => {
  const oidc = (await discover(miniProgram, client.None(), 'oidc')).serverMetadata()
  const oauth2 = (await discover(miniProgram, client.None(), 'oauth2')).serverMetadata()
  assert.equal(oidc.issuer, issuer)
  assert.deepEqual({ ...oidc }, { ...oauth2 })
})

test('a mini-program signs in, and gets the id of the user', async () => {
  const config = await asMiniProgram()
  const tokens = await signIn(config, 'openid profile')
  assert.equal(tokens.token_type, 'bearer') // the library converts it to lower case
  assert.ok(tokens.expiresIn() > 3500)
  assert.ok(tokens.refresh_token)
  assert.equal(tokens.claims().aud, miniProgram)
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  assert.equal(info.sub, tokens.claims().sub)
})

test('a name and a password sign in, with either form of client authentication', async () => {
  for (const authentication of [client.ClientSecretBasic(backend.secret), client.ClientSecretPost(backend.secret)]) {
    const config = await asBackend(authentication)
    const tokens = await client.genericGrantRequest(config, 'password', { ...user, scope: 'openid profile' })
    const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    assert.equal(info.preferred_username, user.username)
  }
})

test('parallel refreshes get the same refresh token, and it works', async () => {
  const config = await asMiniProgram()
  const first = await signIn(config, 'openid')
  const [left, right] = await Promise.all([1, 2].map(() => client.refreshTokenGrant(config, first.refresh_token)))
  assert.notEqual(left.refresh_token, first.refresh_token)
  assert.equal(left.refresh_token, right.refresh_token)
  const next = await client.refreshTokenGrant(config, left.refresh_token, { scope: 'openid' })
  assert.equal(next.claims().sub, first.claims().sub)
})

test('a service gets tokens for itself, and their API can introspect them', async () => {
  const config = await discover(service.id, client.ClientSecretBasic(service.secret))
  const tokens = await client.genericGrantRequest(config, 'client_credentials', { scope: 'api' })
  assert.equal(tokens.refresh_token, undefined)
  const known = await client.tokenIntrospection(await asBackend(), tokens.access_token)
  assert.equal(known.active, true)
  assert.deepEqual([known.sub, known.client_id, known.scope], [service.id, service.id, 'api'])
})

test('after a sign-out, every token of the session is invalid', async () => {
  const config = await asBackend()
  const tokens = await signIn(config, 'openid')
  const { sub } = tokens.claims()
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    assert.equal((await client.tokenIntrospection(config, token)).sub, sub)
  }
  await client.tokenRevocation(config, tokens.refresh_token)
  await client.tokenRevocation(config, tokens.refresh_token) // a second revocation is no error
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    assert.deepEqual(await client.tokenIntrospection(config, token), { active: false })
  }
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, sub), { name: 'WWWAuthenticateChallengeError', status: 401 })
})

test('the library understands an error response', async () => {
  const invalidGrant = { name: 'ResponseBodyError', error: 'invalid_grant', status: 400 }
  const config = await asMiniProgram()
  await assert.rejects(client.genericGrantRequest(config, 'wechat_code', { code: 'no-code-of-wechat' }), invalidGrant)
  await assert.rejects(client.refreshTokenGrant(config, 'lp_rt_no-such-token'), invalidGrant)
  const wrong = { ...user, password: 'not the password' }
  await assert.rejects(client.genericGrantRequest(await asBackend(), 'password', wrong), invalidGrant)
  // A 401 asks for credentials, as HTTP requires (RFC 9110 §15.5.2). The library reports that, and leaves the body unread.
  const stranger = await asBackend(client.ClientSecretPost('not the secret'))
  const challenged = await client.genericGrantRequest(stranger, 'password', user).catch((error) => error)
  assert.equal(challenged.name, 'WWWAuthenticateChallengeError')
  assert.equal(challenged.cause[0].scheme, 'basic')
  assert.equal((await challenged.response.json()).error, 'invalid_client')
})
