// Uses oauth4webapi, which checks every response against the specifications.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { audience, backend, issuer, miniProgram, service, user, wxLogin } from './world.mjs'

const http = { [oauth.allowInsecureRequests]: true } // on this machine only
const mini = { client_id: miniProgram }
const confidential = { client_id: backend.id }
const basic = oauth.ClientSecretBasic(backend.secret)

let server
before(async () => {
  const url = new URL(issuer)
  server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, http))
})

async function signIn(scope) {
  const response = await oauth.genericTokenEndpointRequest(server, mini, oauth.None(), 'wechat_code', { code: await wxLogin(), scope }, http)
  return oauth.processGenericTokenEndpointResponse(server, mini, response)
}

async function passwordGrant(scope) {
  const response = await oauth.genericTokenEndpointRequest(server, confidential, basic, 'password', { ...user, scope }, http)
  return oauth.processGenericTokenEndpointResponse(server, confidential, response)
}

async function clientCredentials() {
  const self = { client_id: service.id }
  const secret = oauth.ClientSecretPost(service.secret)
  const response = await oauth.clientCredentialsGrantRequest(server, self, secret, { scope: 'api' }, http)
  return oauth.processClientCredentialsResponse(server, self, response)
}

async function introspect(token) {
  return oauth.processIntrospectionResponse(server, confidential, await oauth.introspectionRequest(server, confidential, basic, token, http))
}

async function revoke(client, authentication, token) {
  return oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authentication, token, http))
}

async function refresh(token, headers) {
  const response = await oauth.refreshTokenGrantRequest(server, mini, oauth.None(), token, { ...http, headers })
  return oauth.processRefreshTokenResponse(server, mini, response)
}

const showing = (token) => new Request(audience, { headers: { Authorization: `Bearer ${token}` } })

test('an API accepts the access token, and nothing else', async () => {
  const tokens = await signIn('openid')
  const id = oauth.getValidatedIdTokenClaims(tokens)
  const claims = await oauth.validateJwtAccessToken(server, showing(tokens.access_token), audience, http)
  assert.equal(claims.sub, id.sub)
  assert.equal(claims.client_id, miniProgram)
  await assert.rejects(oauth.validateJwtAccessToken(server, showing(tokens.access_token), 'https://another.example.com', http))
  await assert.rejects(oauth.validateJwtAccessToken(server, showing(tokens.id_token), miniProgram, http), 'an ID token is no access token')
})

test('userinfo returns the user who signed in', async () => {
  const tokens = await passwordGrant('openid profile')
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  const response = await oauth.userInfoRequest(server, confidential, tokens.access_token, http)
  const info = await oauth.processUserInfoResponse(server, confidential, sub, response)
  assert.equal(info.preferred_username, user.username)
  const refused = await oauth.userInfoRequest(server, confidential, 'no-token', http)
  await assert.rejects(oauth.processUserInfoResponse(server, confidential, sub, refused), (error) => {
    assert.ok(error instanceof oauth.WWWAuthenticateChallengeError)
    assert.equal(error.status, 401)
    assert.equal(error.cause[0].parameters.error, 'invalid_token')
    return true
  })
})

test('a lost response is repeated for the same idempotency key', async () => {
  const first = await signIn('openid')
  const headers = { 'Idempotency-Key': randomBytes(16).toString('hex') }
  const lost = await refresh(first.refresh_token, headers)
  const again = await refresh(first.refresh_token, headers)
  assert.equal(again.refresh_token, lost.refresh_token)
  assert.notEqual(again.refresh_token, first.refresh_token)
  await oauth.validateJwtAccessToken(server, showing(again.access_token), audience, http)
})

test('a service is the subject of its tokens', async () => {
  const { access_token: token } = await clientCredentials()
  const claims = await oauth.validateJwtAccessToken(server, showing(token), audience, http)
  assert.deepEqual([claims.sub, claims.client_id, claims.scope], [service.id, service.id, 'api'])
  const known = await introspect(token)
  assert.equal(known.active, true)
  assert.equal(known.jti, claims.jti)
  await assert.rejects(revoke({ client_id: service.id }, oauth.ClientSecretBasic(service.secret), token), { error: 'unsupported_token_type' })
})

test('a mini-program can end its session, and no other client can', async () => {
  const tokens = await signIn('openid')
  await assert.rejects(revoke(confidential, basic, tokens.refresh_token), { error: 'invalid_grant' })
  assert.equal((await introspect(tokens.access_token)).active, false, "another client's token says nothing")
  const next = await refresh(tokens.refresh_token)
  await revoke(mini, oauth.None(), tokens.access_token) // ends the session too
  await assert.rejects(refresh(next.refresh_token), { error: 'invalid_grant' })
})
