import express from 'express'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { createClient } from 'redis'

const { ISSUER, AUDIENCE, REDIS_URL, OLD_PREFIX = '3rd_session:', OLD_TOKENS_UNTIL, PORT = '3004', REPORT_SECONDS = '60' } = process.env
if (!ISSUER || !AUDIENCE || !REDIS_URL)
  throw new Error('set ISSUER, AUDIENCE and REDIS_URL: they have no defaults, and jose skips a check if its value is undefined')
const oldUntil = new Date(OLD_TOKENS_UNTIL)
if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(OLD_TOKENS_UNTIL) || oldUntil.toJSON() !== OLD_TOKENS_UNTIL.replace('Z', '.000Z'))
  throw new Error('set OLD_TOKENS_UNTIL to the time when old sessions expire, such as 2027-03-01T00:00:00Z')
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const redis = await createClient({ url: REDIS_URL }).on('error', console.error).connect()
let oldSessions = 0

// Two sources of trust, two verifiers: the issuer's key set, and the old sessions in Redis.
async function verifyNew(token) {
  const { payload } = await jwtVerify(token, keys,
    { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp', 'sub', 'sid'] }) // sid: a user signed in
  return { id: payload.sub, scopes: (payload.scope ?? '').split(' ') }
}

async function verifyOld(session) {
  if (!(Date.now() < oldUntil)) throw new errors.JWTInvalid('old sessions are no longer accepted')
  if (!/^[\w-]{16,128}$/.test(session)) throw new errors.JWTInvalid('not a 3rd_session') // it becomes part of a Redis key
  const { openid } = JSON.parse(await redis.get(OLD_PREFIX + session) ?? '{}') // no EXPIRE: old sessions are no longer extended
  if (!openid) throw new errors.JWTInvalid('expired')
  oldSessions++
  return { id: openid, scopes: [] } // no scopes: old sessions do not open new features
}

export async function authenticate(req, res, next) {
  const bearer = /^Bearer ([\w.-]+)$/i.exec(req.get('authorization'))?.[1]
  try { // the header selects the verifier: the old mini-program uses its own header
    req.user = bearer ? await verifyNew(bearer) : await verifyOld(req.get('third-session'))
    next()
  } catch (error) {
    const wrong = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT|JWKS_NO)/.test(error.code) // other errors: no keys, or Redis does not answer
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
  console.log(`old sessions in ${REPORT_SECONDS} s: ${oldSessions}`)
  oldSessions = 0
}, 1000 * REPORT_SECONDS).unref()
