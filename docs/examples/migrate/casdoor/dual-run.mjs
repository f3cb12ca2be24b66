import express from 'express'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, CASDOOR, CASDOOR_CLIENT_ID, OLD_TOKENS_UNTIL, PORT = '3005', REPORT_SECONDS = '60' } = process.env
if (!ISSUER || !AUDIENCE || !CASDOOR || !CASDOOR_CLIENT_ID)
  throw new Error('set ISSUER, AUDIENCE, CASDOOR and CASDOOR_CLIENT_ID: jose skips a check if its value is undefined')
const oldUntil = new Date(OLD_TOKENS_UNTIL)
if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(OLD_TOKENS_UNTIL) || oldUntil.toJSON() !== OLD_TOKENS_UNTIL.replace('Z', '.000Z'))
  throw new Error('set OLD_TOKENS_UNTIL to the time when old tokens expire, such as 2027-03-01T00:00:00Z')
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const oldKeys = createRemoteJWKSet(new URL(`${CASDOOR}/.well-known/jwks`))
let oldTokens = 0

// Two issuers, two verifiers, two key sets. With one set of all keys, Casdoor could sign for Lingpai.
async function verifyNew(token) {
  const { payload } = await jwtVerify(token, keys,
    { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp', 'sub', 'sid'] }) // sid: a user signed in
  return { id: payload.sub, scopes: (payload.scope ?? '').split(' ') }
}

async function verifyOld(token) {
  if (!(Date.now() < oldUntil)) throw new errors.JWTInvalid('old tokens are no longer accepted')
  const { payload } = await jwtVerify(token, oldKeys, // the audience is your application: other applications use the same key
    { algorithms: ['RS256'], issuer: CASDOOR, audience: CASDOOR_CLIENT_ID, requiredClaims: ['exp', 'sub'] })
  if (payload.tokenType !== 'access-token') throw new errors.JWTInvalid('not an access token') // refresh tokens are JWTs signed with the same key
  if (payload.sub.includes('/')) throw new errors.JWTInvalid('an application') // it acts for itself; its id is owner/name
  oldTokens++
  return { id: payload.sub, scopes: [] } // no scopes, whatever the token says: old tokens do not open new features
}

export async function verify(token) {
  const { iss } = decodeJwt(token) // only selects the verifier; it proves nothing yet
  if (iss === ISSUER) return verifyNew(token)
  if (iss === CASDOOR) return verifyOld(token)
  throw new errors.JWTInvalid('unknown issuer')
}

export async function authenticate(req, res, next) {
  try {
    req.user = await verify(/^Bearer ([\w.-]+)$/i.exec(req.get('authorization'))?.[1] ?? '')
    next()
  } catch (error) {
    const wrong = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT|JWKS_NO)/.test(error.code) // other errors: no keys to verify with
    res.status(wrong ? 401 : 503).set(wrong ? 'WWW-Authenticate' : 'Retry-After', wrong ? 'Bearer error="invalid_token"' : '5').end()
  }
}

export const requireScope = scope => (req, res, next) => req.user.scopes.includes(scope) ? next()
  : res.status(403).set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`).end()

const app = express()
app.get('/me', authenticate, (req, res) => res.json({ id: req.user.id }))
app.get('/points', authenticate, requireScope('api'), (req, res) => res.json({ id: req.user.id, points: 7 }))
const server = app.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))

setInterval(() => {
  console.log(`old tokens in ${REPORT_SECONDS} s: ${oldTokens}`)
  oldTokens = 0
}, 1000 * REPORT_SECONDS).unref()
