// The backend of a single-page application. It keeps the tokens; the page has only a session cookie.
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'

const { ISSUER, SITE, CLIENT_ID, CLIENT_SECRET, SESSION_SECRET } = process.env
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, client.ClientSecretBasic(CLIENT_SECRET),
  { execute: ISSUER.startsWith('http:') ? [client.allowInsecureRequests] : [] })

const app = express()
app.use(express.static(import.meta.dirname + '/public'))
app.use(session({
  secret: SESSION_SECRET, resave: false, saveUninitialized: false,
  cookie: { sameSite: 'lax', secure: SITE.startsWith('https:') },
}))

app.get('/sign-in', async (request, response) => {
  const sent = request.session.sent = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  }
  response.redirect(client.buildAuthorizationUrl(config, {
    redirect_uri: SITE + '/callback', scope: 'openid profile', state: sent.expectedState, nonce: sent.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(sent.pkceCodeVerifier), code_challenge_method: 'S256',
  }).href)
})

app.get('/callback', async (request, response, next) => {
  const { sent } = request.session
  if (!sent) return response.redirect('/') // another browser, or the page was loaded again
  const url = new URL(request.url, SITE)
  const tokens = await client.authorizationCodeGrant(config, url, { ...sent, idTokenExpected: true })
  request.session.regenerate(error => { // the session gets a new id, which nobody knew before
    if (error) return next(error)
    const { sub, preferred_username } = tokens.claims()
    Object.assign(request.session, { user: { sub, preferred_username }, idToken: tokens.id_token })
    keep(request.session, tokens)
    response.redirect('/')
  })
})

function keep(session, tokens) {
  const expires = Date.now() + tokens.expires_in * 1000
  session.tokens = { access: tokens.access_token, refresh: tokens.refresh_token, expires }
}

// Pages of other sites cannot send this header, since the backend answers no CORS preflight.
app.use('/api', (request, response, next) => request.get('X-Page') ? next() : response.sendStatus(403))

app.get('/api/user', (request, response) => response.json(request.session.user ?? null))

// The backend calls APIs for the page, with the access token; here it is Lingpai's own.
app.get('/api/profile', async (request, response) => {
  const { session } = request
  if (!session.tokens) return response.sendStatus(401)
  if (session.tokens.expires < Date.now() + 60_000) {
    keep(session, await client.refreshTokenGrant(config, session.tokens.refresh))
  }
  response.json(await client.fetchUserInfo(config, session.tokens.access, session.user.sub))
})

app.post('/api/sign-out', (request, response, next) => {
  const query = { post_logout_redirect_uri: SITE + '/' }
  if (request.session.idToken) query.id_token_hint = request.session.idToken
  request.session.destroy(error => error ? next(error) : response.json(client.buildEndSessionUrl(config, query).href))
})

app.use((error, request, response, next) => {
  if (error.error === 'access_denied') return response.redirect('/') // the user did not want to
  if (error.error !== 'invalid_grant') return next(error)
  request.session.destroy(() => response.sendStatus(401)) // its session has ended: sign in again
})

app.listen(new URL(SITE).port, '127.0.0.1')
