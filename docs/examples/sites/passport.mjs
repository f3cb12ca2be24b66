// A web site that signs its users in with passport.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-openidconnect'
import { fresh, withExpiry } from './tokens.mjs'

const { ISSUER, SITE, CLIENT_ID, CLIENT_SECRET, SESSION_SECRET } = process.env

passport.use('lingpai', new Strategy({
  issuer: ISSUER,
  authorizationURL: `${ISSUER}/authorize`,
  tokenURL: `${ISSUER}/token`,
  userInfoURL: `${ISSUER}/userinfo`,
  clientID: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  callbackURL: `${SITE}/callback`,
  scope: 'profile', // the library adds openid
  nonce: true, // without it the library sends none
  skipUserProfile: true, // the ID token has the name
}, (issuer, profile, context, idToken, accessToken, refreshToken, answer, done) =>
  done(null, {
    id: profile.id, name: profile.username, tokens: withExpiry({ ...answer, refresh_token: refreshToken }),
  })))
passport.serializeUser((user, done) => done(null, user)) // into the session, which is on the server
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(session({
  secret: SESSION_SECRET, resave: false, saveUninitialized: false,
  cookie: { sameSite: 'lax', secure: SITE.startsWith('https:') },
}))
app.use(passport.session())
app.get('/sign-in', passport.authenticate('lingpai'))
app.get('/callback', passport.authenticate('lingpai', { successRedirect: '/', failureRedirect: '/' }))

const safe = text => text.replace(/[&<>]/g, character => `&#${character.charCodeAt()};`)
app.get('/', (request, response) => response.send('<!doctype html><title>Shop</title>' + (request.user
  ? `<p id="user">${safe(request.user.name)}</p> <a id="profile" href="/profile">Profile</a>
     <form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`
  : '<a id="sign-in" href="/sign-in">Sign in</a>')))

// An API is called with the access token; here it is Lingpai's own.
app.get('/profile', async (request, response) => {
  const tokens = request.user && await fresh(request.user.tokens)
  if (!tokens) return response.redirect('/sign-in')
  request.session.passport.user.tokens = tokens
  const answer = await fetch(`${ISSUER}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  response.json(await answer.json())
})

app.post('/sign-out', (request, response, next) => {
  const id_token_hint = request.user?.tokens.id_token
  const query = new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: SITE + '/' })
  if (id_token_hint) query.set('id_token_hint', id_token_hint)
  request.logout(error => error ? next(error) : response.redirect(303, `${ISSUER}/end-session?${query}`))
})

app.listen(new URL(SITE).port, '127.0.0.1')
