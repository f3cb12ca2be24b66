'use strict';

// With a real issuer: a thief has copied a refresh token and uses it before the app does, once with a key and once without one. The owner must be signed in again silently, and the thief must have nothing left.

const assert = require('node:assert/strict');
const { Device } = require('./support/runtime');
const { send, server, mint, claims, refresh } = require('./support/server');

const steal = async key => {
  const asked = [];
  const device = new Device({
    wechatUser: `victim-${Date.now()}-${key}`, mint,
    network: options => {
      asked.push(options.url.replace(server.issuer, ''));
      return send(options);
    },
  });
  const app = device.launch({ options: { issuer: server.issuer, clientId: server.clientId } });
  const first = claims(await app.auth.getAccessToken());
  const copied = JSON.parse(device.stored.get('lingpai.' + server.clientId).data).refresh;
  const loot = await refresh(copied, key);
  assert.equal(loot.statusCode, 200, 'the thief goes first');

  asked.length = 0;
  device.ahead += 2 * 3600 * 1000;
  const second = claims(await app.auth.getAccessToken());
  assert.deepEqual(asked, ['/token', '/token'], 'the issuer has ended the session, and a code opens another');
  assert.equal(second.sub, first.sub);
  assert.notEqual(second.sid, first.sid, 'a new session');
  for (const token of [copied, loot.data.refresh_token]) {
    const answer = await refresh(token, key && 'other-' + key);
    assert.equal(answer.data.error, 'invalid_grant', 'the thief has nothing left');
  }

  assert.deepEqual(app.events.slice(1), ['sessionReplaced ended']);
  assert.equal((await app.auth.request({ url: server.issuer + '/userinfo' })).statusCode, 200, 'and the owner goes on');
  console.log(`ok a thief ${key ? 'with' : 'without'} a key has lost the session`);
};

steal('a-key-of-the-thief-0123456789').then(() => steal()).then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
