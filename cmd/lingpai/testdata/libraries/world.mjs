// The server that the Go test started, and its clients and users.
import { env } from 'node:process'

export const issuer = env.ISSUER
export const audience = env.AUDIENCE
export const user = { username: env.DEMO_NAME, password: env.DEMO_PASSWORD }
export const miniProgram = env.MINI_PROGRAM
export const backend = { id: env.BACKEND, secret: env.BACKEND_SECRET }
export const service = { id: env.SERVICE, secret: env.SERVICE_SECRET } // acts for itself; its tokens are for the back end too

// wxLogin returns a code, as wx.login does in a mini-program.
export async function wxLogin(person = 'alice') {
  const response = await fetch(`${env.SIMULATOR}/_sim/codes`, { method: 'POST', body: JSON.stringify({ appid: env.APP_ID, user: person }) })
  return (await response.json()).code
}
