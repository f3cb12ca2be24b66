'use strict';

// With a real issuer and an API: the app calls both with one session, and the API tries the app's token at the issuer.

const assert = require('node:assert/strict');
const { Device } = require('./support/runtime');
const { send, server, mint, claims } = require('./support/server');

const api = process.env.API;

const walk = async () => {
  const asked = [];
  const device = new Device({
    wechatUser: `customer-${Date.now()}`, mint,
    network: options => {
      asked.push(options.url.replace(server.issuer, '').replace(api, 'api'));
      return send(options);
    },
  });
  const { auth } = device.launch({ options: { issuer: server.issuer, clientId: server.clientId, scope: 'openid profile api account phone wechat.data' } });
  const step = async (name, work, expected) => {
    asked.length = 0;
    await work();
    assert.deepEqual(asked, expected, name);
    console.log('ok', name);
  };
  const status = async url => (await auth.request({ url })).statusCode;
  const sub = claims(await auth.getAccessToken()).sub;

  await step('the API answers, with the token of the sign-in', async () => {
    const answer = await auth.request({ url: api + '/orders' });
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.data, { orders_of: sub, scope: 'openid profile api' });
  }, ['api/orders']);

  await step('the issuer answers, with a token of its own', async () => {
    assert.equal(await status(server.issuer + '/account/v1/profile'), 200);
    assert.equal(await status(server.issuer + '/account/v1/sessions'), 200);
  }, ['/token', '/account/v1/profile', '/account/v1/sessions']);

  await step('both tokens are of one session', async () => {
    const sessions = await auth.request({ url: server.issuer + '/account/v1/sessions' });
    assert.equal(sessions.data.sessions.length, 1);
    assert.equal(await status(api + '/orders'), 200);
  }, ['/account/v1/sessions', 'api/orders']);

  await step('the API cannot use the token at the issuer', async () => {
    const { statusCode, data } = await auth.request({ url: api + '/abuse' });
    assert.equal(statusCode, 200);
    assert.equal(Object.keys(data).length, 8);
    Object.keys(data).forEach(call => assert.equal(data[call], 403, call));
  }, ['api/abuse']);

  await step('the API refuses the token for the issuer, and says where tokens are from', async () => {
    const record = JSON.parse(device.stored.get('lingpai.' + server.clientId).data);
    assert.deepEqual([claims(record.access).aud, claims(record.issuer.access).aud], [api, server.issuer]);
    const refused = await send({ url: api + '/orders', header: { Authorization: 'Bearer ' + record.issuer.access } });
    assert.equal(refused.statusCode, 401);
    const [, metadata] = /resource_metadata="([^"]+)"/.exec(refused.header['www-authenticate']);
    const described = await send({ url: metadata });
    assert.deepEqual([described.data.resource, described.data.authorization_servers], [api, [server.issuer]]);
  }, []);

  await step('both are renewed when they are old, one after the other', async () => {
    device.ahead += 2 * 3600 * 1000;
    assert.deepEqual(await Promise.all([status(api + '/orders'), status(server.issuer + '/account/v1/profile')]), [200, 200]);
    asked.sort();
  }, ['/account/v1/profile', '/token', '/token', 'api/orders']);
};

walk().then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
