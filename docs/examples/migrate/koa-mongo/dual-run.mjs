import Koa from 'koa'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, JWT_SECRET, OLD_TOKENS_UNTIL, PORT = '3002', REPORT_SECONDS = '60' } = process.env
if (!ISSUER || !AUDIENCE || !JWT_SECRET) throw new Error('set ISSUER, AUDIENCE and JWT_SECRET: jose skips a check if its value is undefined')
const oldUntil = new Date(OLD_TOKENS_UNTIL)
if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(OLD_TOKENS_UNTIL) || oldUntil.toJSON() !== OLD_TOKENS_UNTIL.replace('Z', '.000Z'))
  throw new Error('set OLD_TOKENS_UNTIL to the time when old tokens expire, such as 2027-03-01T00:00:00Z')
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const oldSecret = new TextEncoder().encode(JWT_SECRET)
let oldTokens = 0

// Two issuers, two verifiers. Each has its own key and algorithm. The token chooses neither.
async function verifyNew(token) {
  const { payload } = await jwtVerify(token, keys,
    { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['exp', 'sub', 'sid'] }) // sid: a user signed in
  return { id: payload.sub, scopes: (payload.scope ?? '').split(' ') }
}

async function verifyOld(token) {
  if (!(Date.now() < oldUntil)) throw new errors.JWTInvalid('old tokens are no longer accepted')
  const { payload } = await jwtVerify(token, oldSecret, { algorithms: ['HS256'], requiredClaims: ['exp', 'id'] })
  if (!/^[0-9a-f]{24}$/.test(payload.id)) throw new errors.JWTInvalid('id is not an ObjectId') // all imported ids are ObjectIds
  oldTokens++
  return { id: payload.id, scopes: [] } // no scopes: old tokens do not open new features
}

export async function authenticate(ctx, next) {
  const token = /^Bearer ([\w.-]+)$/i.exec(ctx.get('authorization'))?.[1] ?? ''
  try { // the issuer in the token only selects the verifier; it proves nothing yet
    ctx.state.user = decodeJwt(token).iss === ISSUER ? await verifyNew(token) : await verifyOld(token)
  } catch (error) {
    const wrong = /^ERR_(JWT|JWS|JOSE_ALG|JOSE_NOT|JWKS_NO)/.test(error.code) // other errors: no keys to verify with
    ctx.status = wrong ? 401 : 503
    ctx.set(wrong ? 'WWW-Authenticate' : 'Retry-After', wrong ? 'Bearer error="invalid_token"' : '5')
    return
  }
  await next()
}

export const requireScope = scope => async (ctx, next) => {
  if (ctx.state.user.scopes.includes(scope)) return next()
  ctx.status = 403
  ctx.set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`)
}

// Every request passes authenticate, and routes match the whole path. There is no list of open paths that another path could resemble.
const routes = {
  'GET /me': ctx => { ctx.body = { id: ctx.state.user.id } },
  'GET /points': ctx => requireScope('api')(ctx, () => { ctx.body = { id: ctx.state.user.id, points: 7 } }),
}
const app = new Koa()
app.use(authenticate)
app.use(ctx => routes[`${ctx.method} ${ctx.path}`]?.(ctx))
const server = app.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))

setInterval(() => {
  console.log(`old tokens in ${REPORT_SECONDS} s: ${oldTokens}`)
  oldTokens = 0
}, 1000 * REPORT_SECONDS).unref()
