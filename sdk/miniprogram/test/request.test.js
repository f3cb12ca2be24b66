'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, fails, turn, gate } = require('./support/fixtures');
const { json } = require('./support/issuer');

test('has the interface of wx.request', async () => {
  const { launch } = setUp();
  const app = launch();
  const answer = await app.auth.request({ url: api, method: 'POST', data: { a: 1 }, header: { 'X-Mine': '1' } });
  assert.deepEqual(answer.data.data, { a: 1 });
  assert.match(answer.data.token, /^Bearer ./);
  assert.equal(answer.statusCode, 200);
  const called = [];
  await app.auth.request({ url: api, success: got => called.push(got.statusCode), fail: () => called.push('fail'), complete: () => called.push('complete') });
  await turn();
  assert.deepEqual(called, [200, 'complete']);
});

test('resolves for every status, as wx.request does', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.network = options => (options.url === api ? json(500, 'oops') : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api })).statusCode, 500);
});

// signedIn returns an app with an access token of the given age, by default one that a refresh at once can replace.
const signedIn = async (age = 5 * 60 * 1000) => {
  const w = setUp();
  w.device.frozen = new Set();
  w.app = w.launch();
  await w.app.auth.getAccessToken();
  w.device.ahead += age;
  return w;
};

test('a 401 causes one refresh and one replay, with the same body', async () => {
  const { issuer, app } = await signedIn();
  issuer.good.clear();
  const answer = await app.auth.request({ url: api, method: 'POST', data: 'body' });
  assert.equal(answer.data.data, 'body');
  assert.equal(issuer.count('refresh_token'), 1);
});

test('a second 401 after the replay is returned', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  let sent = 0;
  device.network = options => (options.url === api ? (sent++, json(401, 'no')) : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api })).statusCode, 401);
  assert.equal(sent, 2);
  assert.equal(issuer.count('refresh_token'), 1);
});

test('with replay: false the 401 is returned, and the next call has a new token', async () => {
  const { issuer, app } = await signedIn();
  issuer.good.clear();
  assert.equal((await app.auth.request({ url: api, replay: false })).statusCode, 401);
  assert.equal(issuer.count('refresh_token'), 0);
  assert.equal((await app.auth.request({ url: api, replay: false })).statusCode, 200);
});

test('a late 401 of the old token does not refresh again', async () => {
  const { issuer, device, app } = await signedIn();
  issuer.good.clear();
  const slow = gate();
  device.network = async options => {
    if (options.url !== api + '/slow' || device.late) return issuer.answer(options);
    device.late = true;
    const answer = await issuer.answer(options);
    await slow.opened;
    return answer;
  };
  const late = app.auth.request({ url: api + '/slow' });
  await app.auth.request({ url: api });
  slow.open();
  assert.equal((await late).statusCode, 200);
  assert.equal(issuer.count('refresh_token'), 1);
});

test('many 401s at once cause one refresh', async () => {
  const { issuer, app } = await signedIn();
  issuer.good.clear();
  const answers = await Promise.all(Array.from({ length: 25 }, () => app.auth.request({ url: api })));
  assert.ok(answers.every(answer => answer.statusCode === 200));
  assert.equal(issuer.count('refresh_token'), 1);
});

test('a 401 that asks for a proof causes no refresh and no replay', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  let sent = 0;
  for (const answer of [json(401, { error: 'insufficient_user_authentication' }), json(401, '', { 'WWW-AUTHENTICATE': 'Bearer realm="x", error="insufficient_user_authentication"' })]) {
    device.network = options => (options.url === api ? (sent++, answer) : issuer.answer(options));
    assert.equal((await app.auth.request({ url: api })).statusCode, 401);
  }
  assert.equal(sent, 2);
  assert.equal(issuer.count('refresh_token'), 0);
});

test('the refresh is never queued behind the requests that wait for it', async () => {
  const { issuer, device, app } = await signedIn();
  issuer.good.clear();
  const slow = gate();
  let held = 0;
  device.network = async options => {
    // The first slots are taken by requests that are rejected late; one is rejected at once.
    if (options.url === api + '/slow' && !slow.isOpen) { held++; await slow.opened; }
    return issuer.answer(options);
  };
  const waiting = Array.from({ length: 8 }, () => app.auth.request({ url: api + '/slow' }));
  waiting.push(app.auth.request({ url: api }));
  for (let n = 0; n < 20; n++) waiting.push(app.auth.request({ url: api + '/slow' }));
  await turn();
  assert.ok(held >= 8);
  assert.equal(issuer.count('refresh_token'), 1, 'while all the others wait');
  slow.isOpen = true;
  slow.open();
  assert.ok((await Promise.all(waiting)).every(answer => answer.statusCode === 200));
  assert.equal(issuer.count('refresh_token'), 1);
});

test('a failed request frees its slot', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  device.network = () => Promise.reject(new Error('no network'));
  const errors = await Promise.all(Array.from({ length: 30 }, () => fails(app.auth.request({ url: api }))));
  assert.ok(errors.every(err => err.code === 'network' && err.retryable));
  device.network = options => issuer.answer(options);
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
});

test('a request of one user is not sent for another', async () => {
  const { issuer, device, app } = await signedIn();
  issuer.users.set('bob', 'a few words of his');
  issuer.good.clear();
  const slow = gate();
  const sent = [];
  device.network = async options => {
    if (options.url !== api) return issuer.answer(options);
    sent.push(options.header.Authorization);
    const answer = await issuer.answer(options);
    await slow.opened;
    return answer;
  };
  const waiting = fails(app.auth.request({ url: api }));
  await turn();
  await app.auth.login({ username: 'bob', password: 'a few words of his' });
  slow.open();
  assert.equal((await waiting).code, 'user_changed');
  assert.equal(sent.length, 1);
});

// endPause waits until the calls have come to a pause, of which there must be one, and lets it end.
const endPause = async device => {
  await turn();
  assert.equal([...device.frozen].filter(({ after }) => after === 10000).length, 1);
  device.elapse(10000);
};

test('a young token that a service refuses is refreshed after 10 s, once for all callers', async () => {
  const { issuer, device, app } = await signedIn(30 * 1000);
  issuer.good.clear();
  const calls = Array.from({ length: 25 }, () => app.auth.request({ url: api, method: 'POST', data: 'body' }));
  await turn();
  assert.equal(issuer.count('refresh_token'), 0);
  await endPause(device);
  for (const answer of await Promise.all(calls)) assert.deepEqual([answer.statusCode, answer.data.data], [200, 'body']);
  assert.equal(issuer.count('refresh_token'), 1);
});

test('other requests are sent during the pause', async () => {
  const { issuer, device, app } = await signedIn(30 * 1000);
  issuer.good.clear();
  const calls = Array.from({ length: 12 }, () => app.auth.request({ url: api }));
  await turn();
  device.network = options => (options.url === api + '/other' ? json(200, 'ok') : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api + '/other' })).statusCode, 200);
  await endPause(device);
  assert.ok((await Promise.all(calls)).every(answer => answer.statusCode === 200));
});

test('a young token that is refused again after its refresh is not refreshed again', async () => {
  const { issuer, device, app } = await signedIn(0);
  let sent = 0;
  device.network = options => (options.url === api ? (sent++, json(401, '', { 'WWW-Authenticate': 'Bearer error="invalid_token"' })) : issuer.answer(options));
  const waiting = app.auth.request({ url: api });
  await endPause(device);
  assert.equal((await waiting).statusCode, 401);
  for (let n = 0; n < 3; n++) assert.equal((await app.auth.request({ url: api })).statusCode, 401);
  assert.equal(sent, 5);
  assert.equal(issuer.count('refresh_token'), 1);
  device.ahead += 2 * 60 * 1000; // it is old now
  assert.equal((await app.auth.request({ url: api })).statusCode, 401);
  assert.equal(issuer.count('refresh_token'), 2);
});

test('the issuer, which knows the session, and a service that says something else cause no pause', async () => {
  const { issuer, device, app } = await signedIn(0);
  issuer.good.clear();
  assert.equal((await app.auth.user()).sub, 'ada');
  assert.equal(issuer.count('refresh_token'), 1);
  const answers = [json(401, 'no'), json(200, 'ok')];
  device.network = options => (options.url === api ? answers.shift() : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api })).data, 'ok');
  assert.equal(issuer.count('refresh_token'), 2);
});

test('with replay: false the 401 of a young token is returned at once, and a call after 10 s has a new token', async () => {
  const { issuer, device, app } = await signedIn(0);
  issuer.good.clear();
  assert.equal((await app.auth.request({ url: api, replay: false })).statusCode, 401);
  await endPause(device);
  await turn();
  assert.equal((await app.auth.request({ url: api, replay: false })).statusCode, 200);
});

test('a token that was replaced during the pause is not refreshed', async () => {
  const { issuer, device, app } = await signedIn(0);
  issuer.good.clear();
  const waiting = app.auth.request({ url: api });
  await turn();
  await app.auth.login();
  await endPause(device);
  assert.equal((await waiting).statusCode, 200);
  assert.equal(issuer.count('refresh_token'), 0);
});

test('a 401 that arrives while the refresh after a pause is running waits for it', async () => {
  const { issuer, device, app } = await signedIn(0);
  issuer.good.clear();
  const [slow, slower] = [gate(), gate()];
  device.network = async options => {
    const answer = await issuer.answer(options);
    if (options.url === api + '/slow' && answer.statusCode === 401) await slow.opened;
    return answer;
  };
  issuer.plan.push(async answer => { await slower.opened; return answer(); });
  const calls = [app.auth.request({ url: api }), app.auth.request({ url: api + '/slow' })];
  await endPause(device);
  await turn();
  slow.open();
  await turn();
  slower.open();
  for (const { statusCode } of await Promise.all(calls)) assert.equal(statusCode, 200);
  assert.equal(issuer.count('refresh_token'), 1);
});
