// An API that checks Lingpai's access tokens itself, with Express 5. ISSUER, AUDIENCE and PORT come from the environment.
import express from 'express'
import { auth, requiredScopes, UnauthorizedError } from 'express-oauth2-jwt-bearer'

const { ISSUER, AUDIENCE, PORT } = process.env

// The library also takes tokens from ?access_token= and from forms. What stands in a URL ends in logs, so there must be a header.
const onlyTheHeader = (request, response, next) => next(request.headers.authorization ? undefined : new UnauthorizedError())

const checkToken = auth({
  issuer: ISSUER,
  jwksUri: `${ISSUER}/.well-known/jwks.json`,
  audience: AUDIENCE,
  tokenSigningAlg: 'RS256',
  strict: true, // type at+jwt, and the claims that access tokens have; without it ID tokens count too
  dpop: { enabled: false }, // Lingpai's are bearer tokens
})

const app = express()
app.disable('x-powered-by')
app.use(onlyTheHeader, checkToken)

app.get('/orders', requiredScopes('api'), (request, response) => {
  const { sub, sid } = request.auth.payload
  response.json({ sub, user: sid !== undefined }) // without a session a client acts for itself
})

// Express's own handler would send the stack to the caller.
app.use((error, request, response, next) => {
  response.status(error.status ?? 500).set(error.headers ?? {}).json({ error: error.code ?? 'refused' })
})
app.listen(PORT, '127.0.0.1')
