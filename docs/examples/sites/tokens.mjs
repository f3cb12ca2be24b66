// Fresh tokens, for libraries that do not refresh them.
const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env

// withExpiry adds to the answer of the token endpoint when its access token expires.
export const withExpiry = answer => ({ ...answer, expires: Date.now() + answer.expires_in * 1000 })

// fresh returns tokens whose access token is good for another minute, or null if the user must sign in again.
export async function fresh(tokens) {
  if (tokens.expires > Date.now() + 60_000) return tokens
  const response = await fetch(`${ISSUER}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
  })
  const answer = await response.json()
  if (response.ok) return withExpiry({ ...tokens, ...answer }) // it has no new ID token
  if (answer.error === 'invalid_grant') return null
  throw new Error(`no new token: ${answer.error}`) // the session goes on: the server could not be reached, for example
}
