// Writes everybody who has a 3rd_session in Redis, for "lingpai users import".
import { createClient } from 'redis'

const { REDIS_URL, OLD_PREFIX = '3rd_session:', APP_ID } = process.env // an openid says nothing without the app that it belongs to
if (!/^wx[0-9a-f]{16}$/.test(APP_ID ?? '')) throw new Error('APP_ID: the AppID of the mini-program whose openids these are')

const redis = await createClient({ url: REDIS_URL }).on('error', console.error).connect()
const seen = new Set() // a person has one session for each device
for await (const names of redis.scanIterator({ MATCH: `${OLD_PREFIX}*`, COUNT: 1000 })) { // KEYS would halt the server meanwhile
  const values = names.length ? await redis.mGet(names) : []
  for (const value of values) {
    const openid = value === null ? '' : JSON.parse(value).openid // null: expired since SCAN saw it
    if (!openid || seen.has(openid)) continue
    seen.add(openid)
    console.log(JSON.stringify({ sub: openid, app: APP_ID, openid })) // the openid is what your orders name people by, so it stays their id
  }
}
await redis.close()
