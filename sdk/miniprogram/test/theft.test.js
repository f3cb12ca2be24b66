'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, hour, fails, turn, gate, overtaken } = require('./support/fixtures');
const { unsent, refused } = require('./support/issuer');

const bob = { username: 'bob', password: 'a few words of his' };

// stolen returns an app whose refresh token a thief has used first, with a key of the thief's own or without one.
const stolen = async (more, key, credentials) => {
  const w = setUp();
  Object.assign(w.issuer, more);
  w.issuer.users.set(bob.username, bob.password);
  w.app = w.launch();
  await w.app.auth.login(credentials);
  w.token = w.device.record().refresh;
  w.loot = w.issuer.refresh({ form: { refresh_token: w.token }, key }).data.refresh_token;
  w.steal = () => w.issuer.refresh({ form: { refresh_token: w.loot }, key: key && key + '2' }).statusCode;
  w.device.ahead += 2 * hour;
  w.paths = () => w.issuer.requests.slice(1).map(({ path, form }) => `${path} ${form.grant_type || form.token}`);
  return w;
};

test('a refused token whose session may be active is revoked before the sign-in, and the app hears of it', async () => {
  const { issuer, device, app, token, paths, steal } = await stolen({ old: true }, 'of the thief');
  await app.auth.getAccessToken();
  assert.deepEqual(paths(), ['/token refresh_token', `/revoke ${token}`, '/token wechat_code']);
  assert.equal(steal(), 400, 'the thief has lost the session');
  assert.deepEqual(app.events, ['change ada', 'sessionReplaced unknown']);
  assert.equal(issuer.sessions.length, 2);
  assert.deepEqual(Object.keys(device.record()).sort(), ['access', 'got', 'key', 'method', 'refresh', 'revoke', 'sub', 'ttl']);
});

test('a thief with or without a key ends the session, which is not revoked again, and the app hears of it', async () => {
  for (const key of ['of the thief', undefined]) {
    const { issuer, app, paths, steal } = await stolen({}, key);
    await app.auth.getAccessToken();
    assert.deepEqual(paths(), ['/token refresh_token', '/token wechat_code']);
    assert.equal(issuer.thefts, 1);
    assert.equal(steal(), 400);
    assert.deepEqual(app.events, ['change ada', 'sessionReplaced ended']);
  }
});

test('many calls that meet the theft cause one revocation and one sign-in', async () => {
  const { app, device, token, paths } = await stolen({ old: true }, 'of the thief');
  const tokens = await Promise.all(Array.from({ length: 5 }, () => app.auth.getAccessToken()));
  assert.equal(new Set(tokens).size, 1);
  assert.deepEqual(paths(), ['/token refresh_token', `/revoke ${token}`, '/token wechat_code']);
  assert.equal(device.logins, 2);
});

test('two instances that meet the theft share one sign-in, even if one gets its code later', async () => {
  for (const pause of [() => undefined, turn]) {
    const { issuer, device, app, launch } = await stolen({}, 'of the thief');
    const other = launch();
    const { mint } = device;
    device.mint = async user => { if (device.logins === 3) await pause(); return mint(user); };
    const slow = gate();
    issuer.plan.push(answer => answer(), answer => answer(), slow.hold);
    const tokens = Promise.all([app, other].map(({ auth }) => auth.getAccessToken()));
    await turn();
    await turn();
    slow.open();
    await tokens;
    assert.deepEqual([issuer.sessions.length, device.logins], [2, 3]);
    assert.deepEqual(other.events, ['sessionReplaced ended']);
    for (let n = 0; n < 2; n++) {
      device.ahead += 2 * hour;
      assert.equal(await app.auth.getAccessToken(), await other.auth.getAccessToken());
    }
    assert.deepEqual([issuer.sessions.length, issuer.thefts], [2, 1]);
  }
});

test('after a refused or failed refresh, a newer token of another instance is used, and nothing is revoked', async () => {
  for (const response of [refused(400, 'invalid_grant', { session_state: 'unknown' }), refused(503, 'temporarily_unavailable')]) {
    const { issuer, device, one, two, late, arrive } = await overtaken(response);
    const token = await one.auth.getAccessToken();
    arrive();
    assert.equal(await late, token);
    assert.equal(device.logins, 1);
    assert.ok(!issuer.requests.some(({ path }) => path === '/revoke'));
    assert.deepEqual(two.events, []);
  }
});

test('a newer token in the storage that is old by now is refreshed', async () => {
  const { issuer, device, one, late, arrive } = await overtaken(refused(400, 'invalid_grant'));
  const token = await one.auth.getAccessToken();
  device.ahead += 2 * hour;
  arrive();
  assert.notEqual(await late, token);
  assert.deepEqual([issuer.sessions.length, issuer.count('refresh_token'), device.logins], [1, 3, 1]);
});

test('a revocation that could not be sent does not prevent the sign-in, and is sent before the next refresh', async () => {
  const { issuer, device, app, launch, token, paths, steal } = await stolen({ old: true }, 'of the thief');
  issuer.plan.push(answer => answer(), unsent);
  await app.auth.getAccessToken();
  assert.deepEqual(device.record().revoke, [token]);
  assert.equal(issuer.sessions[0].ended, undefined);
  app.kill();
  device.ahead += 2 * hour;
  await launch().auth.getAccessToken();
  assert.deepEqual(paths().slice(3), [`/revoke ${token}`, '/token refresh_token']);
  assert.equal(steal(), 400);
  assert.deepEqual(device.record().revoke, []);
});

test('a revocation that could not be sent survives a logout, and is sent before the next sign-in', async () => {
  const { issuer, device, app, token, paths } = await stolen({ old: true }, 'of the thief');
  issuer.plan.push(answer => answer(), unsent);
  await app.auth.getAccessToken();
  await app.auth.logout();
  assert.deepEqual(Object.keys(device.record()).sort(), ['out', 'revoke']);
  await app.auth.login();
  assert.deepEqual(paths().slice(-2), [`/revoke ${token}`, '/token wechat_code']);
  assert.deepEqual(device.record().revoke, []);
});

test('a revocation that the issuer rejects is not repeated', async () => {
  const { issuer, device, app } = await stolen({ old: true }, 'of the thief');
  issuer.plan.push(answer => answer(), refused(400, 'invalid_grant'));
  await app.auth.getAccessToken();
  assert.deepEqual(device.record().revoke, []);
});

test('the app hears of it even if the sign-in succeeds only after a restart', async () => {
  const { issuer, app, launch, steal } = await stolen({ old: true }, 'of the thief');
  issuer.plan.push(answer => answer(), unsent, unsent);
  assert.equal((await fails(app.auth.getAccessToken())).code, 'network');
  assert.deepEqual(app.events, ['change ada']);
  app.kill();
  const next = launch();
  await next.auth.getAccessToken();
  assert.deepEqual(next.events, ['sessionReplaced unknown']);
  assert.equal(steal(), 400);
  await launch().auth.getAccessToken();
  assert.deepEqual(next.events, ['sessionReplaced unknown'], 'once');
});

test('sessionReplaced tells what the issuer said', async () => {
  const { app } = await stolen({}, undefined);
  const heard = [];
  app.auth.on('sessionReplaced', detail => heard.push({ ...detail }));
  await app.auth.getAccessToken();
  await turn();
  assert.deepEqual(heard, [{ status: 400, session_state: 'ended', request_id: 'r1' }]);
});

test('a session opened with a password is revoked, too, and lost', async () => {
  for (const [old, state] of [[true, 'unknown'], [false, 'ended']]) {
    const { issuer, device, app, token } = await stolen({ old }, 'of the thief', bob);
    const err = await fails(app.auth.getAccessToken());
    assert.deepEqual([err.code, err.session_state], ['session_lost', state]);
    assert.equal(issuer.sessions[0].ended, true);
    assert.equal(issuer.requests.filter(({ path, form }) => path === '/revoke' && form.token === token).length, old ? 1 : 0);
    assert.equal(device.logins, 0);
  }
});

test('sessionLost tells the state of the session if the sign-in after a refusal fails', async () => {
  const { issuer, app } = await stolen({ old: true }, 'of the thief');
  issuer.disabled = true;
  const err = await fails(app.auth.getAccessToken());
  assert.deepEqual([err.code, err.session_state, err.wechat_errcode], ['session_lost', 'unknown', undefined]);
  assert.equal(issuer.sessions[0].ended, true);
});

test('a login or logout during the revocation is not undone by the loss of a password session', async () => {
  for (const then of ['login', 'logout']) {
    const { issuer, device, app } = await stolen({ old: true }, 'of the thief', bob);
    const slow = gate();
    issuer.plan.push(answer => answer(), slow.hold);
    const waiting = app.auth.getAccessToken().catch(err => err.code);
    await turn();
    await app.auth[then](bob);
    slow.open();
    assert.equal(await waiting, then === 'login' ? device.record().access : 'signed_out');
    assert.ok(!app.events.join().includes('sessionLost'));
  }
});

test('a login of another user after the refusal replaces no session', async () => {
  const { issuer, app } = await stolen({ old: true }, 'of the thief');
  issuer.plan.push(answer => answer(), unsent, unsent);
  assert.equal((await fails(app.auth.getAccessToken())).code, 'network');
  await app.auth.login(bob);
  assert.deepEqual(app.events, ['change ada', 'change bob']);
});
