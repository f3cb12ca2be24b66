'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, hour, fails, turn, pair, overtaken } = require('./support/fixtures');
const { lost, unsent, refused, never } = require('./support/issuer');

test('each refresh token has one key, created with it and kept until a response is stored', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  const { refresh, key } = device.record();
  assert.match(key, /^[0-9a-f]{32}$/);
  device.ahead += 2 * hour;
  issuer.plan.push(lost, lost, unsent);
  for (let n = 0; n < 3; n++) await fails(app.auth.getAccessToken());
  await app.auth.getAccessToken();
  const sent = issuer.requests.slice(1);
  assert.equal(sent.length, 4);
  for (const request of sent) assert.deepEqual([request.form.refresh_token, request.key], [refresh, key]);
  assert.notEqual(device.record().key, key);
  assert.equal(issuer.thefts, 0);
});

test('an app that is killed during a refresh repeats the same request at its next start', async () => {
  const { issuer, device, launch } = setUp();
  await launch().auth.getAccessToken();
  const { refresh, key } = device.record();
  for (let n = 0; n < 5; n++) {
    device.ahead += 2 * hour;
    const app = launch();
    issuer.plan.push(async answer => { const given = await answer(); app.kill(); return given; });
    app.auth.getAccessToken();
    await turn();
  }
  await launch().auth.getAccessToken();
  for (const request of issuer.requests.slice(1)) assert.deepEqual([request.form.refresh_token, request.key], [refresh, key]);
  assert.equal(issuer.sessions.length, 1);
  assert.equal(issuer.thefts, 0);
});

test('an app that is killed before it stores a response repeats the same request', async () => {
  const { issuer, device, launch } = setUp();
  await launch().auth.getAccessToken();
  const { refresh, key } = device.record();
  device.ahead += 2 * hour;
  const app = launch();
  device.takes.setStorage = () => { app.kill(); return never(); };
  app.auth.getAccessToken();
  await turn();
  delete device.takes.setStorage;
  await launch().auth.getAccessToken();
  assert.deepEqual(issuer.requests.slice(1).map(r => [r.form.refresh_token, r.key]), [[refresh, key], [refresh, key]]);
  assert.equal(issuer.sessions.length, 1);
});

test('a code and its key are stored before they are sent, and repeated after a kill', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  let stored;
  issuer.plan.push(async answer => { stored = device.record(); const given = await answer(); app.kill(); return given; });
  app.auth.getAccessToken();
  await turn();
  const sent = issuer.requests[0];
  assert.deepEqual(stored.pending, { code: sent.form.code, key: sent.key });
  assert.match(sent.key, /^[0-9a-f]{32}$/);
  await launch().auth.getAccessToken();
  assert.deepEqual([issuer.requests[1].form.code, issuer.requests[1].key], [sent.form.code, sent.key]);
  assert.equal(issuer.sessions.length, 1, 'the same sign-in');
  assert.equal(device.logins, 1);
  assert.equal(device.record().pending, undefined);
});

test('a code whose response was lost is sent again in the same app, too', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  issuer.plan.push(lost);
  assert.equal((await fails(app.auth.request({ url: api }))).retryable, true);
  await app.auth.request({ url: api });
  assert.equal(issuer.sessions.length, 1);
  assert.equal(device.logins, 1);
});

test('a stored code that is rejected is replaced by a fresh one, once', async () => {
  const { issuer, device, launch } = setUp();
  device.mint = async () => 'expired';
  const app = launch();
  issuer.plan.push(unsent);
  await fails(app.auth.getAccessToken());
  device.mint = async () => 'code-ada-2';
  await app.auth.getAccessToken();
  assert.deepEqual(issuer.requests.map(r => r.form.code), ['expired', 'expired', 'code-ada-2']);
  assert.notEqual(issuer.requests[1].key, issuer.requests[2].key);
});

test('a fresh code that is rejected is not sent again; the user is refused without another wx.login', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  issuer.plan.push(refused(400, 'invalid_grant'));
  const err = await fails(app.auth.login());
  assert.deepEqual([err.code, err.status, err.retryable], ['invalid_grant', 400, false]);
  assert.equal(device.logins, 1);
  await app.auth.login();
  assert.equal(device.logins, 2);
  const codes = issuer.requests.map(r => r.form.code);
  assert.notEqual(codes[0], codes[1]);
});

test('without a secure random source there is no key, and no code is sent twice', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch({ without: ['getRandomValues'] });
  issuer.plan.push(lost);
  await fails(app.auth.getAccessToken());
  await app.auth.getAccessToken();
  device.ahead += 2 * hour;
  await app.auth.getAccessToken();
  for (const request of issuer.requests) assert.equal(request.key, undefined);
  assert.notEqual(issuer.requests[0].form.code, issuer.requests[1].form.code);
});

test('a random source that fails or returns too few bytes gives no key either', async () => {
  for (const broken of [() => Promise.reject(new Error('no')), async () => ({ randomValues: new ArrayBuffer(8) }), async () => ({})]) {
    const { issuer, device, launch } = setUp();
    device.takes.getRandomValues = broken;
    await launch().auth.getAccessToken();
    assert.equal(issuer.requests[0].key, undefined);
  }
});

test('a key that could not be created with its token is created and stored before the token is sent', async () => {
  const { issuer, device, launch } = setUp();
  device.takes.getRandomValues = () => Promise.reject(new Error('not yet'));
  await launch().auth.getAccessToken();
  delete device.takes.getRandomValues;
  device.ahead += 2 * hour;
  const app = launch();
  let stored;
  issuer.plan.push(async answer => { stored = device.record(); await answer(); app.kill(); });
  app.auth.getAccessToken();
  await turn();
  assert.match(issuer.requests[1].key, /^[0-9a-f]{32}$/);
  assert.equal(stored.key, issuer.requests[1].key);
  await launch().auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
});

test('the platform may provide a random source', async () => {
  const { issuer, launch } = setUp();
  let drawn = 0;
  const app = launch({ without: ['getRandomValues'], options: { platform: { random: async n => new Uint8Array(n).fill(drawn++) } } });
  await app.auth.getAccessToken();
  assert.match(issuer.requests[0].key, /^(0[01]){16}$/);
});

test('a source that repeats itself is not random: there is no key, rather than one for the whole installation', async () => {
  const { issuer, device, launch } = setUp();
  for (let n = 0; n < 3; n++) {
    await launch({ options: { platform: { getRandomValues: undefined, random: length => new Uint8Array(length) } }, without: ['getRandomValues'] }).auth.getAccessToken();
    device.ahead += 2 * hour;
  }
  assert.deepEqual(issuer.requests.map(r => r.key), [undefined, undefined, undefined]);
  assert.equal(issuer.sessions.length, 1);
});

test('a token that was sent without a key is sent without one again: another key would look like another party', async () => {
  const { issuer, device, launch } = setUp();
  device.takes.getRandomValues = () => Promise.reject(new Error('not yet'));
  await launch().auth.getAccessToken();
  device.ahead += 2 * hour;
  issuer.plan.push(unsent);
  await fails(launch().auth.getAccessToken());
  delete device.takes.getRandomValues;
  const app = launch();
  await app.auth.getAccessToken();
  device.ahead += 2 * hour;
  await app.auth.getAccessToken();
  assert.deepEqual(issuer.requests.slice(1, 3).map(r => r.key), [undefined, undefined]);
  assert.match(issuer.requests[3].key, /^[0-9a-f]{32}$/, 'but the next token has one');
});

test('two instances that get the same answer share the key of its token', async () => {
  const { device, one, late, arrive } = await overtaken();
  const token = await one.auth.getAccessToken();
  const stored = device.record();
  arrive();
  assert.equal(await late, token);
  assert.deepEqual(device.record(), stored);
});

test('an answer that arrives after another instance has moved on does not bring an old token back', async () => {
  const { issuer, device, one, late, arrive } = await overtaken();
  await one.auth.getAccessToken();
  device.ahead += 2 * hour;
  await one.auth.getAccessToken();
  arrive();
  await late;
  device.ahead += 2 * hour;
  await one.auth.getAccessToken();
  assert.deepEqual([issuer.thefts, issuer.sessions.length], [0, 1]);
});

test('two instances that create a missing key at once send the same one', async () => {
  const w = setUp();
  const { issuer, device } = w;
  device.takes.getRandomValues = () => Promise.reject(new Error('not yet'));
  const { one, two } = await pair(w);
  delete device.takes.getRandomValues;
  await Promise.all([one.auth.getAccessToken(), two.auth.getAccessToken()]);
  const sent = issuer.requests.filter(r => r.form.grant_type === 'refresh_token');
  assert.ok(sent[0].key);
  for (const { key } of sent) assert.equal(key, sent[0].key);
  assert.equal(issuer.thefts, 0);
});

test('passwords are sent without a key and are not stored', async () => {
  const { issuer, device, launch } = setUp();
  issuer.users.set('ada', 'a few words of hers');
  const app = launch();
  await app.auth.login({ username: 'ada', password: 'a few words of hers' });
  assert.equal(issuer.requests[0].key, undefined);
  assert.doesNotMatch(JSON.stringify([...device.stored]), /few words/);
});
