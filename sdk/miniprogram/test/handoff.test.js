'use strict';

// The user of a mini-program in its web-view.

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, fails } = require('./support/fixtures');
const { Phone } = require('./support/demo');
const { lost, claims } = require('./support/issuer');

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const sent = issuer => issuer.requests.filter(({ form }) => form.grant_type === exchange).map(({ form }) => form);

test('signs in silently, trades a token for the issuer, and returns an address', async () => {
  const { issuer, device, launch } = setUp();
  const address = new URL(await launch().handOff({ clientId: 'site', url: 'https://shop.test/orders?a=1&b=订单' }));
  assert.equal(address.origin + address.pathname, 'https://login.test/handoff');
  assert.match(address.searchParams.get('ticket'), /^lp_ht_/);
  assert.equal(address.searchParams.get('target_link_uri'), 'https://shop.test/orders?a=1&b=订单');
  assert.equal(address.searchParams.get('ui_locales'), 'en');
  assert.equal(device.logins, 1);
  const [form] = sent(issuer);
  assert.deepEqual([claims(form.subject_token).aud, form.client_id, form.audience], ['https://login.test', 'mini', 'site']);
});

test('the address is ASCII, and has the path of the issuer and no target if there is none', async () => {
  const { issuer, launch } = setUp();
  assert.doesNotMatch(await launch().handOff({ clientId: 'site', url: 'https://shop.test/订单' }), /[^ -~]/);
  const address = await launch({ options: { issuer: issuer.url + '/' } }).handOff({ clientId: 'site' });
  assert.match(address, /^https:\/\/login\.test\/handoff\?ticket=lp_ht_[\w-]+&ui_locales=en$/);
});

test('each address has a ticket of its own', async () => {
  const { launch } = setUp();
  const app = launch();
  assert.notEqual(await app.handOff({ clientId: 'site' }), await app.handOff({ clientId: 'site' }));
});

test('a token that is invalid before it has expired is replaced once', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  await app.handOff({ clientId: 'site' });
  issuer.good.clear();
  await app.handOff({ clientId: 'site' });
  assert.equal(sent(issuer).length, 3);
  assert.notEqual(sent(issuer)[1].subject_token, sent(issuer)[2].subject_token);
});

test('a refusal for another reason is not repeated, and says what it is', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  const err = await fails(app.handOff({ clientId: 'nobody' }));
  assert.deepEqual([err.code, err.retryable, sent(issuer).length], ['invalid_target', false, 1]);
  issuer.plan.push(lost);
  assert.deepEqual([(await fails(app.handOff({ clientId: 'site' }))).code, sent(issuer).length], ['network', 2]);
  assert.throws(() => app.handOff(), /needs clientId/);
});

test('nobody is signed in who has signed out', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.login();
  await app.auth.logout();
  assert.equal((await fails(app.handOff({ clientId: 'site' }))).code, 'signed_out');
  assert.equal(sent(issuer).length, 0);
});

test('the page of the demo shows the site, or what went wrong', async () => {
  const { issuer } = setUp();
  const open = async site => {
    const page = new Phone({ language: 'zh_CN', network: options => issuer.answer(options) }).start({ issuer: issuer.url, clientId: 'mini', site }, 'web');
    await page.onLoad();
    return page.data;
  };
  assert.match((await open('site')).src, /^https:\/\/login\.test\/handoff\?ticket=/);
  const { src, message } = await open('nobody');
  assert.deepEqual([src, message], ['', '请求被拒绝']);
});
