'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, hour, fails, turn } = require('./support/fixtures');
const { unsent, refused } = require('./support/issuer');

// ended returns an app that does not know that its session has ended since, and whose access token is no longer young.
const ended = async () => {
  const w = setUp();
  w.app = w.launch();
  await w.app.auth.getAccessToken();
  w.issuer.sessions[0].ended = true;
  w.issuer.good.clear();
  w.device.ahead += 5 * 60 * 1000;
  return w;
};

test('after a WeChat session has ended, one silent wx.login opens a new one, and the calls are replayed', async () => {
  const { issuer, device, app } = await ended();
  const answers = await Promise.all(Array.from({ length: 5 }, () => app.auth.request({ url: api })));
  assert.ok(answers.every(answer => answer.statusCode === 200));
  assert.equal(device.logins, 2);
  assert.equal(issuer.count('refresh_token'), 1);
  assert.deepEqual(app.events, ['change ada', 'sessionReplaced ended']);
});

test('nothing is replayed for another user, and the session counts as lost', async () => {
  const { issuer, device, app } = await ended();
  issuer.subs.ada = 'somebody-else';
  const errors = await Promise.all([app.auth.request({ url: api }), app.auth.request({ url: api })].map(fails));
  assert.deepEqual(errors.map(err => err.code), ['session_lost', 'session_lost']);
  await turn();
  assert.deepEqual(app.events, ['change ada', 'sessionLost session_lost', 'change']);
  assert.equal(issuer.sessions[1].ended, true, 'the stranger is not left signed in');
  assert.equal((await fails(app.auth.request({ url: api }))).code, 'signed_out');
  assert.equal((await app.auth.login()).sub, 'somebody-else');
  assert.equal(device.logins, 3);
});

test('a user that the issuer rejects loses the session, once', async () => {
  const { issuer, device, app } = await ended();
  issuer.disabled = true;
  const err = await fails(app.auth.request({ url: api }));
  assert.deepEqual([err.code, err.status, err.wechat_errcode], ['session_lost', 400, undefined]);
  assert.equal(device.logins, 2, 'one silent wx.login');
  assert.equal((await fails(app.auth.request({ url: api }))).code, 'signed_out');
  assert.equal(device.logins, 2);
});

const stale = errcode => refused(400, 'invalid_grant', { wechat_errcode: errcode });

test('a stale code is replaced by one fresh wx.login before anything is given up', async () => {
  for (const errcode of [40163, 40029, 42003, 41008]) {
    const { issuer, device, app } = await ended();
    issuer.plan.push(answer => answer(), stale(errcode));
    assert.equal((await app.auth.request({ url: api })).statusCode, 200, String(errcode));
    assert.equal(device.logins, 3, 'one at first, the stale one, and a fresh one');
    assert.deepEqual(app.events, ['change ada', 'sessionReplaced ended']);
  }
});

test('two stale codes end nothing: the next call signs the same user in', async () => {
  const { issuer, device, app } = await ended();
  issuer.plan.push(answer => answer(), stale(40163), stale(40029));
  const err = await fails(app.auth.request({ url: api }));
  assert.deepEqual([err.code, err.wechat_errcode, err.retryable], ['invalid_grant', 40029, true]);
  assert.equal(device.logins, 3);
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  assert.deepEqual(app.events, ['change ada', 'sessionReplaced ended']);
});

test('a stale code of an earlier launch, too, costs one fresh wx.login only', async () => {
  const { issuer, device, app, launch } = await ended();
  issuer.plan.push(answer => answer(), unsent, stale(40029), stale(40163));
  await fails(app.auth.request({ url: api }));
  app.kill();
  const next = launch();
  assert.equal((await fails(next.auth.request({ url: api }))).retryable, true);
  assert.equal(device.logins, 3);
  assert.equal((await next.auth.request({ url: api })).statusCode, 200);
});

test('login() with stale codes fails with an error that names the errcode', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  issuer.plan.push(stale(40029), stale(40163));
  const err = await fails(app.auth.login());
  assert.deepEqual([err.code, err.wechat_errcode, err.retryable], ['invalid_grant', 40163, true]);
  assert.equal(device.logins, 2);
  assert.equal((await app.auth.login()).sub, 'ada');
});

test('a session opened with a password is never replaced by a WeChat one', async () => {
  const { issuer, device, launch } = setUp();
  issuer.users.set('bob', 'a few words of his');
  const app = launch();
  await app.auth.login({ username: 'bob', password: 'a few words of his' });
  issuer.sessions[0].ended = true;
  device.ahead += 2 * hour;
  assert.equal((await fails(app.auth.request({ url: api }))).code, 'session_lost');
  assert.equal(device.logins, 0);
  assert.equal((await fails(launch().auth.request({ url: api }))).code, 'signed_out');
  assert.deepEqual(app.events, ['change bob', 'sessionLost session_lost', 'change']);
});

test('a sign-in that fails because of the network is repeated, and still expects the same user', async () => {
  const { issuer, device, app, launch } = await ended();
  issuer.plan.push(answer => answer(), unsent);
  assert.equal((await fails(app.auth.request({ url: api }))).code, 'network');
  app.kill();
  issuer.subs.ada = 'somebody-else';
  device.mint = async () => 'code-ada-again';
  const next = launch();
  assert.equal((await fails(next.auth.request({ url: api }))).code, 'session_lost');
});

test('a failure of wx.login is a retryable error', async () => {
  for (const broken of [() => Promise.reject(new Error('offline')), async () => ({})]) {
    const { issuer, device, app } = await ended();
    device.takes.login = broken;
    const err = await fails(app.auth.request({ url: api }));
    assert.deepEqual([err.code, err.retryable], ['login_failed', true]);
    delete device.takes.login;
    assert.equal((await app.auth.request({ url: api })).statusCode, 200);
    assert.equal(issuer.sessions[1].sub, 'ada');
  }
});
