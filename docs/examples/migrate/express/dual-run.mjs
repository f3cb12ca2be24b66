import express from 'express'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, JWT_SECRET, OLD_TOKENS_UNTIL, PORT = '3001', REPORT_SECONDS = '60' } = process.env
if (!ISSUER || !AUDIENCE || !JWT_SECRET) throw new Error('set ISSUER, AUDIENCE and JWT_SECRET: jose skips a check if its value is undefined')
const oldUntil = new Date(OLD_TOKENS_UNTIL)
if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(OLD_TOKENS_UNTIL) || oldUntil.toJSON() !== OLD_TOKENS_UNTIL.replace('Z', '.000Z'))
  throw new Error('set OLD_TOKENS_UNTIL to the time when old tokens expire, such as 2027-03-01T00:00:00Z')
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const oldSecret = new TextEncoder().encode(JWT_SECRET)
const oldLife = 60 * 60 // lifetime of an old access token in seconds; if both secrets are equal, only this rejects refresh tokens
let oldTokens = 0

// Two issuers, two verifiers. Each has its own key and algorithm. The token chooses neither.
async function verifyNew(token) {
  const { payload } = await jwtVerify(token, keys,
    { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp', 'sub', 'sid'] }) // sid: a user signed in
  return { id: payload.sub, scopes: (payload.scope ?? '').split(' ') }
}

async function verifyOld(token) {
  if (!(Date.now() < oldUntil)) throw new errors.JWTInvalid('old tokens are no longer accepted')
  const { payload } = await jwtVerify(token, oldSecret, { algorithms: ['HS256'], requiredClaims: ['exp', 'iat', 'userId'] })
  if (payload.exp - payload.iat > oldLife) throw new errors.JWTInvalid('not an access token')
  oldTokens++
  return { id: String(payload.userId), scopes: [] } // no scopes: old tokens do not open new features
}

export async function authenticate(req, res, next) {
  const token = /^Bearer ([\w.-]+)$/i.exec(req.get('authorization'))?.[1] ?? ''
  try { // the issuer in the token only selects the verifier; it proves nothing yet
    req.user = decodeJwt(token).iss === ISSUER ? await verifyNew(token) : await verifyOld(token)
    next()
  } catch (error) {
    const wrong = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT|JWKS_NO)/.test(error.code) // other errors: no keys to verify with
    res.status(wrong ? 401 : 503).set(wrong ? 'WWW-Authenticate' : 'Retry-After', wrong ? 'Bearer error="invalid_token"' : '5').end()
  }
}

export const requireScope = scope => (req, res, next) => req.user.scopes.includes(scope) ? next()
  : res.status(403).set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`).end()

const app = express()
app.post('/auth/refresh', (req, res) => res.status(401).json({ code: 'SIGN_IN_AGAIN' })) // after the switch
app.get('/me', authenticate, (req, res) => res.json({ id: req.user.id }))
app.get('/points', authenticate, requireScope('api'), (req, res) => res.json({ id: req.user.id, points: 7 }))
const server = app.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))

setInterval(() => {
  console.log(`old tokens in ${REPORT_SECONDS} s: ${oldTokens}`)
  oldTokens = 0
}, 1000 * REPORT_SECONDS).unref()
