// A web site that signs its one user in with openid-client. It authenticates with a key of its own instead of a secret,
// pushes its authorization requests, and exchanges its access tokens. Its arguments are the issuer, its client id and
// its port.
import http from 'node:http'
import * as client from 'openid-client'

const [issuer, id, port] = process.argv.slice(2)
const self = `http://localhost:${port}`
const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
const jwks = { keys: [{ ...await crypto.subtle.exportKey('jwk', key.publicKey), kid: '1' }] }
const config = await client.discovery(new URL(issuer), id, undefined,
  client.PrivateKeyJwt({ key: key.privateKey, kid: '1' }), { execute: [client.allowInsecureRequests] })
const api = 'https://api.example.com'
let request, tokens, user

const pages = {
  async '/sign-in'() {
    request = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(),
      expectedNonce: client.randomNonce() }
    return client.buildAuthorizationUrlWithPAR(config, { redirect_uri: self + '/callback', scope: 'openid profile api',
      code_challenge: await client.calculatePKCECodeChallenge(request.pkceCodeVerifier),
      code_challenge_method: 'S256', state: request.expectedState, nonce: request.expectedNonce })
  },
  async '/callback'(url) {
    tokens = await client.authorizationCodeGrant(config, url, { ...request, idTokenExpected: true })
    user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    return '/'
  },
  async '/profile'() {
    const { id_token } = tokens
    tokens = { id_token, ...await client.refreshTokenGrant(config, tokens.refresh_token) }
    await requireActive(true)
    await exchange(tokens.access_token)
    user = await client.fetchUserInfo(config, tokens.access_token, user.sub)
    return '/user'
  },
  async '/sign-out'() {
    await client.tokenRevocation(config, tokens.refresh_token)
    await requireActive(false)
    user = undefined
    return client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: self + '/' })
  },
}

async function requireActive(expected) {
  const { active } = await client.tokenIntrospection(config, tokens.access_token)
  if (active !== expected) throw new Error(`active is ${active}`)
}

// Exchanges an access token for one for a single API, and that one once more, as two APIs would in turn.
async function exchange(token) {
  for (const scope of ['api', undefined]) {
    const answer = await client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', resource: api,
      ...scope && { scope } })
    if (answer.scope !== 'api' || answer.refresh_token || answer.id_token) throw new Error(JSON.stringify(answer))
    token = answer.access_token
  }
  const { active, aud, act } = await client.tokenIntrospection(config, token)
  if (!active || aud !== api || act.sub !== id || act.act.sub !== id) throw new Error(JSON.stringify({ aud, act }))
}

const signedOut = '<a id="sign-in" href="/sign-in">Sign in</a>'
const signedIn = () => `<p id="user">${user.preferred_username}</p> <a id="profile" href="/profile">Profile</a>
  <a id="sign-out" href="/sign-out">Sign out</a>`

http.createServer(async (incoming, answer) => {
  const url = new URL(incoming.url, self)
  try {
    if (url.pathname === '/jwks.json') {
      answer.setHeader('Content-Type', 'application/jwk-set+json')
      answer.end(JSON.stringify(jwks))
    } else if (pages[url.pathname]) {
      answer.writeHead(303, { Location: String(await pages[url.pathname](url)) }).end()
    } else if (url.pathname === '/user') {
      answer.setHeader('Content-Type', 'application/json').end(JSON.stringify(user))
    } else {
      answer.setHeader('Content-Type', 'text/html; charset=utf-8')
      answer.end(user ? signedIn() : signedOut)
    }
  } catch (error) {
    console.error(error)
    answer.writeHead(500).end(String(error))
  }
}).listen(port, '127.0.0.1')
