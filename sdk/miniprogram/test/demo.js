'use strict';

// Runs the demo without a screen against a real issuer and its simulator: sign-in, a rejected token, a refresh, a
// killed app, a theft, another sign-in.

const assert = require('node:assert/strict');
const { Phone } = require('./support/demo');
const { send, server, demo, claims, refresh } = require('./support/server');

const api = process.env.API;
const hour = 3600 * 1000;

const walk = async () => {
  const asked = [];
  const phone = new Phone({
    wechatUser: 'visitor-' + Date.now(),
    network: options => {
      asked.push(options.url.replace(server.issuer, '').replace(server.simulator, '').replace(api, 'api'));
      return send(options);
    },
  });
  const record = () => JSON.parse(phone.stored.get('lingpai.' + server.clientId).data);
  const step = async (name, work, expected) => {
    asked.length = 0;
    await work();
    assert.deepEqual(asked, expected, name);
    console.log('ok', name);
  };
  const start = () => phone.start(demo(phone.wechatUser, api));
  let page;

  await step('signs in at the first need', async () => {
    page = start();
    await page.onLoad();
  }, ['/_sim/codes', '/token', '/userinfo']);
  const { sub } = claims(record().access);
  const first = claims(record().access).sid;
  assert.equal(page.data.user, sub);

  await step('a killed app goes on with what it stored', async () => {
    page.kill();
    page = start();
    await page.onLoad();
  }, ['/userinfo']);

  await step('refreshes when the token is old', async () => {
    phone.ahead += 2 * hour;
    await page.who();
  }, ['/token', '/userinfo']);

  await step('a token that the issuer refuses is refreshed, and the call replayed', async () => {
    page.kill();
    const stored = record();
    phone.stored.get('lingpai.' + server.clientId).data = JSON.stringify(Object.assign(stored, { access: stored.access.slice(0, -8) + 'AAAAAAAA' }));
    page = start();
    await page.onLoad();
  }, ['/userinfo', '/token', '/userinfo']);
  assert.equal(claims(record().access).sid, first, 'still the first session');
  assert.equal(page.data.user, sub);

  await step('a stolen refresh token that both use ends the session, and the app signs in again, as the same user', async () => {
    const stolen = record().refresh;
    phone.ahead += 2 * hour;
    await page.who();
    assert.equal((await refresh(stolen)).data.error, 'invalid_grant');
    await page.who();
  }, ['/token', '/userinfo', '/userinfo', '/token', '/_sim/codes', '/token', '/userinfo']);
  assert.match(page.data.notice, /Signed in again \(ended\)/);
  const second = claims(record().access);
  assert.notEqual(second.sid, first);
  assert.equal(second.sub, sub);
  assert.match(page.data.message, new RegExp(sub));

  await step('requests a token for the issuer, and shows what it says of a phone number', () => page.phone({ detail: {} }),
    ['/_sim/phone_codes', '/token', '/wechat/phone']);
  assert.match(page.data.message, /over_budget/);

  await step('calls the API and the issuer, each with a token of its own', async () => {
    await page.orders();
    assert.match(page.data.message, new RegExp(`"orders_of":"${sub}"`));
    await page.sessions();
    assert.match(page.data.message, new RegExp(`"current":true`));
  }, ['api/orders', '/account/v1/sessions']);

  await step('the API cannot use its token at the issuer', async () => {
    const { data } = await page.auth.request({ url: api + '/abuse' });
    assert.deepEqual(Object.values(data), Array(8).fill(403), JSON.stringify(data));
  }, ['api/abuse']);

  await step('signs out, and stays so', async () => {
    await page.logout();
    await page.who();
    page.kill();
    page = start();
    await page.onLoad();
  }, ['/revoke']);
  assert.equal(page.data.user, '');
  assert.match(page.data.message, /signed_out/);

  await step('signs in again when asked to', () => page.login(), ['/_sim/codes', '/token']);
  assert.equal(page.data.user, sub);
};

walk().then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
