// Uses jose as an API does, to verify tokens offline.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { audience, issuer, miniProgram, wxLogin } from './world.mjs'

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
const expected = { issuer, audience, typ: 'at+jwt', algorithms: ['RS256'] }

let tokens
before(async () => {
  const body = new URLSearchParams({ grant_type: 'wechat_code', client_id: miniProgram, code: await wxLogin(), scope: 'openid' })
  tokens = await (await fetch(`${issuer}/token`, { method: 'POST', body })).json()
})

test('the access token verifies', async () => {
  const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, expected)
  assert.equal(protectedHeader.alg, 'RS256')
  assert.equal(payload.client_id, miniProgram)
  assert.ok(payload.sub && payload.jti && payload.exp > payload.iat)
})

test('the ID token verifies with the client as its audience', async () => {
  const { payload } = await jwtVerify(tokens.id_token, keys, { issuer, audience: miniProgram, algorithms: ['RS256'] })
  assert.ok(payload.at_hash)
})

test('invalid tokens do not verify', async () => {
  const { access_token: access, id_token: id } = tokens
  await assert.rejects(jwtVerify(access, keys, { ...expected, audience: 'https://another.example.com' }), { claim: 'aud' })
  await assert.rejects(jwtVerify(access, keys, { ...expected, issuer: 'https://another.example.com' }), { claim: 'iss' })
  await assert.rejects(jwtVerify(access, keys, { ...expected, currentDate: new Date(Date.now() + 2 * 3600e3) }), { code: 'ERR_JWT_EXPIRED' })
  await assert.rejects(jwtVerify(id, keys, { ...expected, audience: miniProgram }), { claim: 'typ' })
  const [header, claims, signature] = access.split('.')
  const forged = [header, Buffer.from(JSON.stringify({ sub: 'root' })).toString('base64url'), signature].join('.')
  await assert.rejects(jwtVerify(forged, keys, expected), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
  await assert.rejects(jwtVerify([header, claims, ''].join('.'), keys, expected), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
})
