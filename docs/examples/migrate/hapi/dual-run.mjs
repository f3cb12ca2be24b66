import Hapi from '@hapi/hapi'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, JWT_SECRET, OLD_TOKENS_UNTIL, PORT = '3003', REPORT_SECONDS = '60' } = process.env
if (!ISSUER || !AUDIENCE || !JWT_SECRET) throw new Error('set ISSUER, AUDIENCE and JWT_SECRET: jose skips a check if its value is undefined')
const oldUntil = new Date(OLD_TOKENS_UNTIL)
if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(OLD_TOKENS_UNTIL) || oldUntil.toJSON() !== OLD_TOKENS_UNTIL.replace('Z', '.000Z'))
  throw new Error('set OLD_TOKENS_UNTIL to the time when old tokens expire, such as 2027-03-01T00:00:00Z')
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const oldSecret = new TextEncoder().encode(JWT_SECRET)
const oldLife = 7 * 24 * 60 * 60 // seconds; the old code set exp itself, and an exp in milliseconds is thousands of years away
let oldTokens = 0

// Two issuers, two verifiers. Each has its own key and algorithm. The token chooses neither.
async function verifyNew(token) {
  const { payload } = await jwtVerify(token, keys,
    { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp', 'sub', 'sid'] }) // sid: a user signed in
  return { id: payload.sub, scope: (payload.scope ?? '').split(' ') }
}

async function verifyOld(token) {
  if (!(Date.now() < oldUntil)) throw new errors.JWTInvalid('old tokens are no longer accepted')
  const { payload } = await jwtVerify(token, oldSecret, { algorithms: ['HS256'], requiredClaims: ['exp', 'userId'] })
  if (payload.exp > Date.now() / 1000 + oldLife) throw new errors.JWTInvalid('expires too late')
  if (!Number.isSafeInteger(payload.userId)) throw new errors.JWTInvalid('userId is not an integer')
  oldTokens++
  return { id: String(payload.userId), scope: [] } // no scopes: old tokens do not open new features
}

const server = Hapi.server({ port: PORT, host: '127.0.0.1' })
server.auth.scheme('either', () => ({
  async authenticate(request, h) {
    const header = request.headers.authorization ?? ''
    const bearer = /^Bearer ([\w.-]+)$/i.exec(header) // the old mini-program sends the JWT without Bearer, so the form selects the verifier
    try {
      return h.authenticated({ credentials: bearer ? await verifyNew(bearer[1]) : await verifyOld(header) })
    } catch (error) {
      const wrong = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT|JWKS_NO)/.test(error.code) // other errors: no keys to verify with
      return h.response().code(wrong ? 401 : 503)
        .header(wrong ? 'WWW-Authenticate' : 'Retry-After', wrong ? 'Bearer error="invalid_token"' : '5').takeover()
    }
  },
}))
server.auth.strategy('either', 'either')
server.auth.default('either') // every route, including those added later

server.route([
  { method: 'GET', path: '/me', handler: ({ auth }) => ({ id: auth.credentials.id }) },
  { method: 'GET', path: '/points', options: { auth: { scope: ['api'] } }, handler: ({ auth }) => ({ id: auth.credentials.id, points: 7 }) },
])
await server.start()
console.log(server.info.uri)

setInterval(() => {
  console.log(`old tokens in ${REPORT_SECONDS} s: ${oldTokens}`)
  oldTokens = 0
}, 1000 * REPORT_SECONDS).unref()
