// An API that verifies Lingpai access tokens offline, with Express 5. ISSUER and AUDIENCE come from the environment, and PORT may.
import express from 'express'
import { auth, requiredScopes, UnauthorizedError } from 'express-oauth2-jwt-bearer'

const { ISSUER, AUDIENCE, PORT = '9003' } = process.env

// The library also accepts tokens from ?access_token= and from forms. URLs end up in logs, so this API requires the header.
const onlyTheHeader = (request, response, next) => next(request.headers.authorization ? undefined : new UnauthorizedError())

const checkToken = auth({
  issuer: ISSUER,
  jwksUri: `${ISSUER}/.well-known/jwks.json`,
  audience: AUDIENCE,
  tokenSigningAlg: 'RS256',
  strict: true, // requires the type at+jwt and the claims of access tokens; without it ID tokens are accepted too
  dpop: { enabled: false }, // Lingpai issues bearer tokens
})

const app = express()
app.disable('x-powered-by')
app.use(onlyTheHeader, checkToken)

app.get('/orders', requiredScopes('api'), (request, response) => {
  const { sub, sid } = request.auth.payload
  response.json({ sub, user: sid !== undefined }) // without a session, the client acts for itself
})

// Express's default handler would send the stack trace to the caller.
app.use((error, request, response, next) => {
  response.status(error.status ?? 500).set(error.headers ?? {}).json({ error: error.code ?? 'refused' })
})
app.listen(PORT, '127.0.0.1')
