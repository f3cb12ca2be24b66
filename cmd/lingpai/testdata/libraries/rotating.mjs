// Gets tokens and verifies them with jose, when they are new and before they expire, while the issuer's keys rotate.
// jose keeps the key set for as long as the server says and, since the cooldown is longer than the test, never
// fetches it because of an unknown key.
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, SERVICE, SERVICE_SECRET, SECONDS } = process.env
const response = await fetch(`${ISSUER}/.well-known/jwks.json`)
const maxAge = Number(/max-age=(\d+)/.exec(response.headers.get('cache-control'))[1])
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { cacheMaxAge: maxAge * 1000, cooldownDuration: 3600_000 })
const expected = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['RS256'] }

const kids = {}, refused = [] // except tokens that expired before they were checked again, as may happen on a busy machine
let tokens = 0
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const verify = async (token, when) => {
  const { kid } = decodeProtectedHeader(token)
  kids[kid] = (kids[kid] ?? 0) + 1
  await jwtVerify(token, keys, expected).catch(error => error.code === 'ERR_JWT_EXPIRED' && when === 'old' || refused.push(`${kid} ${when}: ${error.code}`))
}
const later = []
const more = end => Object.keys(kids).length < 3 && Date.now() < end + 120_000
for (const end = Date.now() + SECONDS * 1000; Date.now() < end || more(end); await sleep(20)) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: SERVICE, client_secret: SERVICE_SECRET })
  const { access_token: token, expires_in: life } = await (await fetch(`${ISSUER}/token`, { method: 'POST', body })).json()
  tokens++
  await verify(token, 'new')
  later.push(sleep((life - 1.5) * 1000).then(() => verify(token, 'old')))
}
await Promise.all(later)
console.log(JSON.stringify({ tokens, refused, kids: Object.keys(kids) }))
