// Code that the types must allow and, with @ts-expect-error, must reject.
import { createAuth, AuthError, messages, Auth, User } from '../index'
import { scan, Scan } from '../scan'
import { handOff } from '../handoff'

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

async function decide(options: Record<string, string | undefined>): Promise<void> {
  const { screen, approve, decline }: Scan = await scan(auth, options)
  const asks: string = screen.client_name + screen.address + screen.shown_at + (screen.host || '') + (screen.device || '') + (screen.place || '') + (screen.caller_place || '')
  if (!asks || !screen.near || screen.expires_in < 5) return decline(true)
  // @ts-expect-error: it is a number, not the list
  await approve(screen.numbers)
  return screen.numbers.length ? approve(screen.numbers[0].toFixed()) : approve()
}
// @ts-expect-error: the options of the page are needed
scan(auth)

handOff(auth, { clientId: 'shop', url: 'https://shop.example.com/orders' }).then((src: string) => src)
// @ts-expect-error: the site is needed
handOff(auth, {})

decide({ q: 'https%3A%2F%2Flogin.example.com' }).catch((err: AuthError) => {
  if (err.code === 'unknown_code' || err.scan === 'taken') return err.message
  // @ts-expect-error: there is no such reason
  return err.scan === 'lost'
})

use().catch((err: unknown) => {
  if (err instanceof AuthError && err.code === 'session_lost') return messages[err.code][1]
  throw err
})
