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
});

// recorder returns callbacks that record their calls, and then throw if they have to.
const recorder = throws => {
  const calls = [];
  const record = name => given => {
    calls.push([name, given]);
    if (throws) throw new Error('of the app');
  };
  return { calls, callbacks: { success: record('success'), fail: record('fail'), complete: record('complete') } };
};

test('calls success or fail and then complete, once, with what wx.request gives', async () => {
  const { device, app, issuer } = await signedIn();
  issuer.good.clear(); // one refresh, and one repetition
  const good = recorder();
  const answer = await app.auth.request({ url: api, ...good.callbacks });
  await turn();
  assert.deepEqual(good.calls.map(([name]) => name), ['success', 'complete']);
  for (const [, given] of good.calls) assert.equal(given, answer);
  assert.deepEqual([answer.statusCode, answer.errMsg], [200, 'request:ok']);

  device.network = () => Promise.reject(Object.assign(new Error('timeout'), { errno: 5 }));
  const bad = recorder();
  const err = await fails(app.auth.request({ url: api, ...bad.callbacks }));
  await turn();
  assert.deepEqual(bad.calls.map(([name]) => name), ['fail', 'complete']);
  for (const [, given] of bad.calls) assert.equal(given, err);
  assert.deepEqual([err.code, err.errMsg, err.errno], ['network', 'request:fail timeout', 5]);
});

test('an error of the SDK has an errMsg, too', async () => {
  const { app } = await signedIn();
  await app.auth.logout();
  const { calls, callbacks } = recorder();
  await fails(app.auth.request({ url: api, ...callbacks }));
  await turn();
  assert.deepEqual(calls.map(([name, given]) => [name, given.errMsg]), [['fail', 'request:fail signed_out'], ['complete', 'request:fail signed_out']]);
});

test('a callback that throws prevents neither the next one nor the result, and is not hidden', async t => {
  const told = [];
  // The runner of the tests would count a rejection that nobody handles as a failure.
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', err => told.push(err.message));
  t.after(() => {
    process.removeAllListeners('unhandledRejection');
    listeners.forEach(each => process.on('unhandledRejection', each));
  });
  const { device, app } = await signedIn();
  const { calls, callbacks } = recorder(true);
  assert.equal((await app.auth.request({ url: api, ...callbacks })).statusCode, 200);
  device.network = () => Promise.reject(new Error('timeout'));
  assert.equal((await fails(app.auth.request({ url: api, ...callbacks }))).code, 'network');
  await turn();
  assert.deepEqual(calls.map(([name]) => name), ['success', 'complete', 'fail', 'complete']);
  assert.deepEqual(told, Array(4).fill('of the app'));
});

test('a single callback is enough', async () => {
  const { device, app } = await signedIn();
  const { calls, callbacks } = recorder();
  app.auth.request({ url: api, complete: callbacks.complete });
  await turn();
  device.network = () => Promise.reject(new Error('timeout'));
  app.auth.request({ url: api, success: callbacks.success, fail: null }); // rejects, which is not reported
  app.auth.request({ url: api, complete: callbacks.complete });
  await turn();
  assert.deepEqual(calls.map(([name, given]) => [name, given.errMsg]), [['complete', 'request:ok'], ['complete', 'request:fail timeout']]);
});

test("the app's own authorization header is replaced, however it is written", async () => {
  const { device, app, issuer } = await signedIn();
  const token = await app.auth.getAccessToken();
  for (const name of ['authorization', 'Authorization', 'AUTHORIZATION']) {
    const own = { [name]: 'Bearer of the app', 'X-Mine': '1' };
    let sent;
    device.network = options => { sent = options.header; return json(200, 'ok'); };
    await app.auth.request({ url: api, header: own });
    assert.deepEqual({ ...sent }, { [name]: 'Bearer ' + token, 'X-Mine': '1' });
    assert.equal(own[name], 'Bearer of the app', 'the object of the app is not changed');
  }
  assert.equal(issuer.count('refresh_token'), 0);
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
  const { issuer, device, app } = await signedIn();
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

test('the issuer, which knows the session, causes no pause', async () => {
  const { issuer, app } = await signedIn(0);
  issuer.good.clear();
  assert.equal((await app.auth.user()).sub, 'ada');
  assert.equal(issuer.count('refresh_token'), 1);
});

test('a 401 of an API that names no error or another one does not refresh a young token at once', async () => {
  const challenge = value => json(401, '', { 'WWW-Authenticate': value });
  for (const refusal of [json(401, 'no'), json(401, { code: 1001 }), challenge('Bearer'), challenge('Bearer error="invalid_request"'), challenge('Basic realm="x"')]) {
    const { issuer, device, app } = await signedIn(3000);
    device.network = options => (options.url === api ? refusal : issuer.answer(options));
    const waiting = app.auth.request({ url: api });
    await turn();
    assert.equal(issuer.count('refresh_token'), 0);
    await endPause(device);
    assert.equal((await waiting).statusCode, 401);
    for (let n = 0; n < 3; n++) assert.equal((await app.auth.request({ url: api })).statusCode, 401);
    assert.equal(issuer.count('refresh_token'), 1);
  }
});

test("with replay: 'invalid_token' any other 401 is the app's own", async () => {
  const { issuer, device, launch } = setUp();
  const app = launch({ options: { replay: 'invalid_token' } });
  const token = await app.auth.getAccessToken();
  device.ahead += 5 * 60 * 1000;
  let refusal = json(401, { error: 'expired' }, { 'WWW-Authenticate': 'Bearer' });
  device.network = options => (options.url === api ? refusal : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api })).statusCode, 401);
  assert.equal(await app.auth.getAccessToken(), token);
  assert.equal(issuer.count('refresh_token'), 0);
  const answers = [json(401, '', { 'www-authenticate': 'Bearer realm="x", error="invalid_token", error_description="expired"' }), json(200, 'ok')];
  device.network = options => (options.url === api ? answers.shift() : issuer.answer(options));
  assert.equal((await app.auth.request({ url: api })).data, 'ok');
  assert.equal(issuer.count('refresh_token'), 1);
  // A request can have another rule than the others.
  refusal = json(401, 'no');
  device.network = options => (options.url === api ? refusal : issuer.answer(options));
  device.ahead += 5 * 60 * 1000;
  assert.equal((await app.auth.request({ url: api, replay: true })).statusCode, 401);
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
