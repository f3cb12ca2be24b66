// An API that checks Lingpai's access tokens itself, with jose. ISSUER, AUDIENCE and PORT come from the environment.
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, PORT } = process.env
if (!ISSUER || !AUDIENCE) throw new Error('set ISSUER and AUDIENCE: jose skips a check that it gets no value for')

// jose forgets keys after ten minutes. These stay while Lingpai is down, and are fetched again every five minutes while it is not.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { cacheMaxAge: Infinity })
setInterval(() => keys.reload().catch(console.warn), 5 * 60_000).unref()

// claimsOf is what the token says, once it has turned out to be one of Lingpai's for this API.
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
  // The header and nothing else: what stands in a URL ends in logs.
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (!token) return answer(401, { error: 'no token' }, 'Bearer')
  try {
    if (!keys.jwks()) await keys.reload()
  } catch {
    return answer(503, { error: 'no keys yet' }) // our trouble and not the caller's, who keeps his token
  }
  try {
    const claims = await claimsOf(token)
    if (!claims.scope?.split(' ').includes('api')) {
      return answer(403, { error: 'insufficient_scope' }, 'Bearer error="insufficient_scope", scope="api"')
    }
    answer(200, { sub: claims.sub, user: claims.sid !== undefined }) // without a session a client acts for itself
  } catch {
    answer(401, { error: 'invalid_token' }, 'Bearer error="invalid_token"')
  }
})
server.listen(PORT, '127.0.0.1')
