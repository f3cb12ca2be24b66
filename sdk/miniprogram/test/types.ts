// Code that the types must allow and, with @ts-expect-error, must reject.
import { createAuth, AuthError, messages, Auth, User } from '../index'

const auth: Auth = createAuth({ issuer: 'https://login.example.com', clientId: 'mini', platform: { random: n => new Uint8Array(n) } })
createAuth({ issuer: 'https://login.example.com', clientId: 'mini', scope: 'openid', skew: 30, timeout: 5000, language: 'en', appid: 'wx1', replay: 'invalid_token' })
// @ts-expect-error: a client id is needed
createAuth({ issuer: 'https://login.example.com' })

async function use(): Promise<User> {
  const user: User = await auth.login()
  await auth.login({ username: 'ada', password: 'a few words of hers' })
  // @ts-expect-error: a password is needed
  await auth.register({ username: 'ada' })
  const answer = await auth.request<{ orders: string[] }>({ url: 'https://api.example.com/orders', method: 'POST', data: { a: 1 }, replay: false })
  const orders: string[] = answer.data.orders
  const number: string = (await auth.bindPhone('code')).phone_number
  const told: boolean = await auth.logout()
  const off: () => void = auth.on('change', who => who && who.sub)
  auth.on('sessionLost', err => [err.code, err.status, err.retryable, err.wechat_errcode, err.session_state])
  auth.on('sessionReplaced', refusal => refusal.session_state === 'unknown' && refusal.request_id)
  // @ts-expect-error: there is no such event
  auth.on('refreshed', () => undefined)
  off()
  return Object.assign(user, { orders, number, told, token: await auth.getAccessToken(), now: await auth.user() })
}

use().catch((err: unknown) => {
  if (err instanceof AuthError && err.code === 'session_lost') return messages[err.code][1]
  throw err
})
