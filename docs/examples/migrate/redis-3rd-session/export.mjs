// Writes every user who has a 3rd_session in Redis, for "lingpai users import".
import { createClient } from 'redis'

const { REDIS_URL, OLD_PREFIX = '3rd_session:', APP_ID } = process.env // an openid is meaningless without its app
if (!/^wx[0-9a-f]{16}$/.test(APP_ID ?? '')) throw new Error('APP_ID: the AppID of the mini-program whose openids these are')

const redis = await createClient({ url: REDIS_URL }).on('error', console.error).connect()
const seen = new Set() // a user has one session for each device
for await (const names of redis.scanIterator({ MATCH: `${OLD_PREFIX}*`, COUNT: 1000 })) { // KEYS would block the server
  const values = names.length ? await redis.mGet(names) : []
  for (const value of values) {
    const openid = value === null ? '' : JSON.parse(value).openid // null: expired after SCAN returned it
    if (!openid || seen.has(openid)) continue
    seen.add(openid)
    console.log(JSON.stringify({ sub: openid, app: APP_ID, openid })) // your orders refer to users by openid, so it stays their id
  }
}
await redis.close()
