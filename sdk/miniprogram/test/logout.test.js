'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, hour, fails, turn, gate } = require('./support/fixtures');
const { unsent } = require('./support/issuer');

test('after logout() only login() signs in, even after a restart', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  assert.equal(await app.auth.logout(), true);
  assert.equal(issuer.sessions[0].ended, true);
  assert.deepEqual(Object.keys(device.record()), ['out']);
  for (const running of [app, launch()]) {
    assert.equal((await fails(running.auth.request({ url: api }))).code, 'signed_out');
    assert.equal((await fails(running.auth.getAccessToken())).code, 'signed_out');
  }
  assert.equal(device.logins, 1);
  const again = launch();
  await again.auth.login();
  assert.equal((await again.auth.request({ url: api })).statusCode, 200);
  assert.deepEqual(app.events, ['change ada', 'change']);
});

test('a call during login() waits for it, and fails if it fails', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  await app.auth.logout();
  const [, answer] = await Promise.all([app.auth.login(), app.auth.request({ url: api })]);
  assert.equal(answer.statusCode, 200);
  await app.auth.logout();
  issuer.plan.push(unsent);
  const errors = await Promise.all([app.auth.login(), app.auth.request({ url: api })].map(fails));
  assert.deepEqual(errors.map(err => err.code), ['network', 'network']);
});

test('logout() signs out on the device even if the issuer cannot be reached', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  issuer.plan.push(unsent);
  assert.equal(await app.auth.logout(), false);
  assert.equal((await fails(app.auth.getAccessToken())).code, 'signed_out');
});

test('a sign-in that is answered after logout() is discarded, and its session is ended', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  const slow = gate();
  issuer.plan.push(slow.hold);
  const waiting = [fails(app.auth.login()), fails(app.auth.request({ url: api }))];
  await turn();
  await app.auth.logout();
  slow.open();
  assert.deepEqual((await Promise.all(waiting)).map(err => err.code), ['signed_out', 'signed_out']);
  await turn();
  assert.equal(issuer.sessions[0].ended, true);
  assert.equal(device.record().out, true);
});

test('a call after logout() does not wait for a refresh that is still running', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.ahead += 2 * hour;
  const slow = gate();
  issuer.plan.push(slow.hold);
  app.auth.getAccessToken().catch(() => {});
  await turn();
  app.auth.logout();
  let code;
  fails(app.auth.getAccessToken()).then(err => { code = err.code; });
  await turn();
  assert.equal(code, 'signed_out');
  slow.open();
});

test('a logout() while wx.login is running sends no code', async () => {
  const { issuer, device, launch } = setUp();
  const slow = gate();
  device.mint = async () => { await slow.opened; return 'code-ada-1'; };
  const app = launch();
  const waiting = fails(app.auth.login());
  await turn();
  await app.auth.logout();
  slow.open();
  assert.equal((await waiting).code, 'signed_out');
  assert.equal(issuer.count('wechat_code'), 0);
});

test('logout() is not an error when nobody is signed in', async () => {
  const { launch } = setUp();
  assert.equal(await launch().auth.logout(), true);
});

test('a session that ended elsewhere is noticed at the next refresh', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  issuer.sessions[0].ended = true;
  device.ahead += 2 * hour;
  await app.auth.getAccessToken();
  assert.equal(issuer.sessions.length, 2);
});
