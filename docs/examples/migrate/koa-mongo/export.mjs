// Reads what mongoexport writes, one document a line, and writes a file for "lingpai users import".
import { createInterface } from 'node:readline'

const app = process.env.APP_ID // an openid says nothing without the app that it belongs to
if (!/^wx[0-9a-f]{16}$/.test(app ?? '')) throw new Error('APP_ID: the AppID of the mini-program whose openids these are')

// {"$date": "2019-07-01T08:00:00Z"}, or with {"$numberLong": "1561968000000"} in it: --jsonFormat=canonical
const date = value => value && new Date(typeof value.$date === 'string' ? value.$date : Number(value.$date.$numberLong)).toISOString()
// WeChat's grey name is nobody's. What is not seen is refused, but for the joiner between two emojis and the selector \ufe0f, which make pictures
const unseen = /(?<![\p{So}\p{Sk}\ufe0f])\u200d|\u200d(?![\p{So}\p{Sk}\ufe0f])|(?![\u200d\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const text = value => value === '微信用户' ? undefined : value?.replace(unseen, '').trim() || undefined
const gender = { 1: 'male', 2: 'female' }

for await (const line of createInterface({ input: process.stdin })) {
  const user = JSON.parse(line)
  const row = {
    sub: user._id.$oid ?? String(user._id), // the id that your other collections hold
    app,
    openid: user.openid,
    nickname: text(user.nickName),
    picture: user.avatarUrl?.startsWith('https://') ? user.avatarUrl : undefined,
    gender: gender[user.gender?.$numberInt ?? user.gender],
    created_at: date(user.createdAt),
  } // neither session_key nor token: they are not the person's, and nobody needs them any more
  if (user.openid) console.log(JSON.stringify(row))
  else console.error(`left out ${row.sub}: no openid, so nobody could sign in as this user`)
}
