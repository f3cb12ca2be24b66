'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, hour, fails, turn, gate } = require('./support/fixtures');
const { lost, unsent, refused } = require('./support/issuer');

test('signs in silently at the first call that needs a token, and not before', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await turn();
  assert.equal(device.logins, 0);
  const answer = await app.auth.request({ url: api });
  assert.equal(answer.statusCode, 200);
  assert.equal(device.logins, 1);
  assert.equal(issuer.requests[0].form.scope, 'openid profile');
  assert.deepEqual(app.events, ['change ada']);
});

test('many calls at once cause one sign-in, and later one refresh', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  const all = () => Promise.all(Array.from({ length: 30 }, () => app.auth.request({ url: api })).concat([app.auth.getAccessToken(), app.auth.user()]));
  await all();
  assert.equal(device.logins, 1);
  assert.equal(issuer.count('wechat_code'), 1);
  device.ahead += 2 * hour;
  await all();
  assert.equal(issuer.count('refresh_token'), 1);
  assert.equal(issuer.count('wechat_code'), 1);
});

test('login() while another is in flight shares it', async () => {
  const { device, launch } = setUp();
  const app = launch();
  const [one, two] = await Promise.all([app.auth.login(), app.auth.login(), app.auth.request({ url: api })]);
  assert.equal(one, two);
  assert.equal(one.nickname, '小明');
  assert.equal(device.logins, 1);
});

test('login() during a password login signs in by WeChat after it', async () => {
  const { issuer, device, launch } = setUp();
  issuer.users.set('bob', 'a few words of his');
  const app = launch();
  const bob = app.auth.login({ username: 'bob', password: 'a few words of his' });
  const waiting = app.auth.request({ url: api });
  const ada = app.auth.login();
  assert.deepEqual([(await bob).sub, (await ada).sub], ['bob', 'ada']);
  await waiting;
  assert.equal(device.logins, 1);
});

test('a response whose token has no user is rejected', async () => {
  const { issuer, launch } = setUp();
  issuer.plan.push(async answer => { const given = await answer(); given.data.access_token = 'opaque'; return given; });
  assert.equal((await fails(launch().auth.getAccessToken())).code, 'invalid_response');
});

test('refreshes a minute before the lifetime that the server reported is over', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.ahead += 3530 * 1000;
  await app.auth.getAccessToken();
  assert.equal(issuer.count('refresh_token'), 0);
  device.ahead += 20 * 1000;
  await app.auth.getAccessToken();
  assert.equal(issuer.count('refresh_token'), 1);
});

test('a token that is valid for less than a minute is not refreshed at every call', async () => {
  const { issuer, launch } = setUp();
  issuer.ttl = 40;
  const app = launch();
  for (let n = 0; n < 5; n++) await app.auth.getAccessToken();
  assert.equal(issuer.count('refresh_token'), 0);
});

test('with a clock that is set back or far ahead, a token counts as old, never as fresh', async () => {
  for (const jump of [-24 * hour, 24 * hour]) {
    const { issuer, device, launch } = setUp();
    const app = launch();
    await app.auth.getAccessToken();
    device.ahead += jump;
    await app.auth.getAccessToken();
    assert.equal(issuer.count('refresh_token'), 1, String(jump));
    await app.auth.getAccessToken();
    assert.equal(issuer.count('refresh_token'), 1, 'and only once');
  }
});

test('if an early refresh fails, the call succeeds with the old token', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  const token = await app.auth.getAccessToken();
  device.ahead += 3550 * 1000;
  issuer.plan.push(unsent);
  assert.equal(await app.auth.getAccessToken(), token);
});

test('the waiting calls fail when the refresh fails, and the next call tries again', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.ahead += 2 * hour;
  issuer.plan.push(unsent);
  const errors = await Promise.all(Array.from({ length: 5 }, () => fails(app.auth.request({ url: api }))));
  for (const err of errors) {
    assert.equal(err.code, 'network');
    assert.equal(err.retryable, true);
  }
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
});

test('no error of the network or the server signs a user out', async () => {
  const html = async () => ({ statusCode: 200, data: '<html>Sign in to the Wi-Fi</html>', header: {} });
  const forbidden = async () => ({ statusCode: 403, data: '<html>', header: {} });
  for (const fault of [unsent, lost, html, forbidden, refused(500, 'server_error'), refused(503, 'temporarily_unavailable'), refused(429, 'temporarily_unavailable'),
    refused(401, 'invalid_client'), refused(400, 'invalid_request'), refused(502, 'invalid_grant')]) {
    const { issuer, device, launch } = setUp();
    const app = launch();
    await app.auth.getAccessToken();
    device.ahead += 2 * hour;
    issuer.plan.push(fault);
    await fails(app.auth.request({ url: api }));
    assert.equal((await app.auth.request({ url: api })).statusCode, 200);
    assert.equal(issuer.sessions.length, 1);
    assert.equal(device.logins, 1);
    assert.deepEqual(app.events, ['change ada']);
  }
});

test('a restarted app continues the stored session', async () => {
  const { issuer, device, launch } = setUp();
  const token = await launch().auth.getAccessToken();
  assert.equal(await launch().auth.getAccessToken(), token);
  device.ahead += 2 * hour;
  await launch().auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
});

test('tokens are stored before waiting calls continue', async () => {
  const { device, launch } = setUp();
  const app = launch();
  for (let n = 0; n < 2; n++) {
    let woken = false;
    let storedFirst;
    const storage = device.wx({ alive: true }).setStorage;
    device.takes.setStorage = async options => {
      await turn();
      storedFirst = !woken;
      delete device.takes.setStorage;
      return new Promise((success, fail) => storage(Object.assign({}, options, { success, fail })));
    };
    device.ahead += 2 * hour;
    const token = await app.auth.getAccessToken();
    woken = true;
    assert.ok(storedFirst);
    assert.equal(device.record().access, token);
  }
});

test('if the storage cannot be written, tokens stay in memory, and writing is tried again before the next refresh', async () => {
  const { issuer, device, launch } = setUp();
  device.takes.setStorage = () => Promise.reject(new Error('full'));
  const app = launch();
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  device.ahead += 2 * hour;
  await app.auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
  delete device.takes.setStorage;
  device.ahead += 2 * hour;
  let stored;
  issuer.plan.push(answer => { stored = device.record(); return answer(); });
  await app.auth.getAccessToken();
  assert.equal(stored.refresh, issuer.requests.at(-1).form.refresh_token);
});

test('two instances with one storage share the session', async () => {
  const { issuer, device, launch } = setUp();
  const one = launch();
  await one.auth.getAccessToken();
  const two = launch();
  await two.auth.getAccessToken();
  for (let n = 0; n < 3; n++) {
    device.ahead += 2 * hour;
    const fresh = await one.auth.getAccessToken();
    assert.equal(await two.auth.getAccessToken(), fresh);
  }
  assert.equal(issuer.count('refresh_token'), 3);
  await one.auth.logout();
  device.ahead += 2 * hour;
  assert.equal((await fails(two.auth.getAccessToken())).code, 'signed_out');
});

test('two instances that sign in at once share the session', async () => {
  const { issuer, launch } = setUp();
  await Promise.all([launch(), launch()].map(({ auth }) => auth.getAccessToken()));
  assert.equal(issuer.sessions.length, 1);
});

test('a refresh that is answered after a logout or a login changes nothing', async () => {
  for (const then of ['logout', 'login']) {
    const { issuer, device, launch } = setUp();
    const app = launch();
    await app.auth.getAccessToken();
    device.ahead += 2 * hour;
    const slow = gate();
    issuer.plan.push(slow.hold);
    const waiting = app.auth.getAccessToken().then(token => token, err => err.code);
    await turn();
    await app.auth[then]();
    const before = device.record();
    slow.open();
    const result = await waiting;
    assert.deepEqual(device.record(), before);
    assert.equal(result, then === 'logout' ? 'signed_out' : before.access);
  }
});

test('wx.clearStorage ends nothing in a running app; the next launch signs in again, even after a logout', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.stored.clear();
  device.ahead += 2 * hour;
  const token = await app.auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
  assert.equal(device.record().access, token);
  await app.auth.logout();
  device.stored.clear();
  assert.equal((await fails(app.auth.getAccessToken())).code, 'signed_out');
  await launch().auth.getAccessToken();
  assert.equal(issuer.sessions.length, 2);
});
