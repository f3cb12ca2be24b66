// An API that verifies Lingpai access tokens offline, with jose. ISSUER and AUDIENCE come from the environment, and PORT may.
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, PORT = '9002' } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('set ISSUER and AUDIENCE: jose skips a check if its value is undefined')

// By default jose discards keys after ten minutes. Here they are fetched every five minutes, and kept while Lingpai is down.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { cacheMaxAge: Infinity })
setInterval(() => keys.reload().catch(console.warn), 5 * 60_000).unref()

// claimsOf returns the claims of a valid access token for this API, and throws for any other token.
async function claimsOf(token) {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ['RS256'],
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: 'at+jwt', // ID tokens have another type
    requiredClaims: ['exp', 'sub'],
  })
  return payload
}

const server = createServer(async (request, response) => {
  const answer = (status, body, challenge) => {
    const header = { 'content-type': 'application/json' }
    if (challenge) header['www-authenticate'] = challenge
    response.writeHead(status, header).end(JSON.stringify(body))
  }
  // Only the header: URLs end up in logs.
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (!token) return answer(401, { error: 'no token' }, 'Bearer')
  try {
    if (!keys.jwks()) await keys.reload()
  } catch {
    return answer(503, { error: 'no keys yet' }) // the token may be valid, so the caller should keep it
  }
  try {
    const claims = await claimsOf(token)
    if (!claims.scope?.split(' ').includes('api')) {
      return answer(403, { error: 'insufficient_scope' }, 'Bearer error="insufficient_scope", scope="api"')
    }
    answer(200, { sub: claims.sub, user: claims.sid !== undefined }) // without a session, the client acts for itself
  } catch {
    answer(401, { error: 'invalid_token' }, 'Bearer error="invalid_token"')
  }
})
server.listen(PORT, '127.0.0.1')
