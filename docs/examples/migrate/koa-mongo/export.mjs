// Reads the output of mongoexport, one document per line, and writes a file for "lingpai users import".
import { createInterface } from 'node:readline'

const app = process.env.APP_ID // an openid is meaningless without its app
if (!/^wx[0-9a-f]{16}$/.test(app ?? '')) throw new Error('APP_ID: the AppID of the mini-program whose openids these are')

// {"$date": "2019-07-01T08:00:00Z"}, or with {"$numberLong": "1561968000000"} in it: --jsonFormat=canonical
const date = value => value && new Date(typeof value.$date === 'string' ? value.$date : Number(value.$date.$numberLong)).toISOString()
// WeChat's placeholder name is left out. The import rejects invisible characters, except the joiner and the selector \ufe0f of emojis
const unseen = /(?<![\p{So}\p{Sk}\ufe0f])\u200d|\u200d(?![\p{So}\p{Sk}\ufe0f])|(?![\u200d\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const text = value => value === '微信用户' ? undefined : value?.replace(unseen, '').trim() || undefined
const gender = { 1: 'male', 2: 'female' }

for await (const line of createInterface({ input: process.stdin })) {
  const user = JSON.parse(line)
  const row = {
    sub: user._id.$oid ?? String(user._id), // the id that your other collections use
    app,
    openid: user.openid,
    nickname: text(user.nickName),
    picture: user.avatarUrl?.startsWith('https://') ? user.avatarUrl : undefined,
    gender: gender[user.gender?.$numberInt ?? user.gender],
    created_at: date(user.createdAt),
  } // neither session_key nor token: they are secrets, and no longer needed
  if (user.openid) console.log(JSON.stringify(row))
  else console.error(`left out ${row.sub}: no openid, so this user could not sign in`)
}
