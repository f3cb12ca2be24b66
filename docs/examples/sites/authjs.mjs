// A web site that signs its users in with Auth.js.
import express from 'express'
import { ExpressAuth, getSession } from '@auth/express'
import { fresh, withExpiry } from './tokens.mjs'

const { ISSUER, SITE, CLIENT_ID, CLIENT_SECRET } = process.env
const kept = new Map() // the tokens of each session, by its sid: in production, in a database

const config = {
  basePath: '/auth',
  trustHost: true, // or set AUTH_URL
  providers: [{
    id: 'lingpai', name: 'Lingpai', type: 'oidc', issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET,
    checks: ['pkce', 'state', 'nonce'],
    authorization: { params: { scope: 'openid profile' } },
    style: { logo: '' }, // otherwise the page to sign in asks authjs.dev for a picture
    profile: claims => ({ id: claims.sub, name: claims.preferred_username }),
  }],
  callbacks: {
    // The cookie of Auth.js has only the sid. Without tokens the session is over, whatever the cookie says.
    jwt({ token, account, profile }) {
      if (!account) return kept.has(token.sid) ? token : null
      kept.set(profile.sid, withExpiry(account))
      return { ...token, sid: profile.sid }
    },
    session: ({ session, token }) => ({ ...session, sid: token.sid }),
  },
}

const app = express()
app.use('/auth', ExpressAuth(config))
app.use(async (request, response, next) => {
  request.user = await getSession(request, config)
  next()
})

const safe = text => text.replace(/[&<>]/g, character => `&#${character.charCodeAt()};`)
app.get('/', (request, response) => response.send('<!doctype html><title>Shop</title>' + (request.user
  ? `<p id="user">${safe(request.user.user.name)}</p> <a id="profile" href="/profile">Profile</a>
     <form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`
  : '<a id="sign-in" href="/auth/signin?callbackUrl=/">Sign in</a>')))

// An API is called with the access token; here it is Lingpai's own.
app.get('/profile', async (request, response) => {
  const sid = request.user?.sid, tokens = kept.has(sid) && await fresh(kept.get(sid))
  if (!tokens) {
    kept.delete(sid)
    return response.redirect('/auth/signin?callbackUrl=/profile')
  }
  kept.set(sid, tokens)
  const answer = await fetch(`${ISSUER}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  response.json(await answer.json())
})

app.post('/sign-out', (request, response) => {
  const id_token_hint = kept.get(request.user?.sid)?.id_token
  kept.delete(request.user?.sid)
  const query = new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: SITE + '/' })
  if (id_token_hint) query.set('id_token_hint', id_token_hint)
  response.redirect(303, `${ISSUER}/end-session?${query}`)
})

app.listen(new URL(SITE).port, '127.0.0.1')
