'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('child_process');
const { setUp, api, account, fails, turn } = require('./support/fixtures');
const { lost, unsent, refused } = require('./support/issuer');

const who = { username: 'bob', password: 'a few words of his' };

test('registers and signs in', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  assert.equal((await app.auth.register(who)).sub, 'bob');
  assert.deepEqual(issuer.requests[0].json, { client_id: 'mini', username: who.username, password: who.password });
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  assert.equal(device.logins, 0);
  const err = await fails(app.auth.register(who));
  assert.deepEqual([err.code, err.status, err.retryable, err.message], ['username_taken', 409, false, 'The user name is taken.']);
});

test('a registration whose response was lost can be repeated', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  issuer.plan.push(lost);
  assert.equal((await fails(app.auth.register(who))).code, 'network');
  assert.equal((await app.auth.register(who)).sub, 'bob');
});

test('a wrong password does not affect the current session', async () => {
  const { issuer, launch } = setUp();
  issuer.users.set('bob', 'right');
  const app = launch();
  const token = await app.auth.getAccessToken();
  assert.equal((await fails(app.auth.login({ username: 'bob', password: 'wrong' }))).code, 'invalid_grant');
  assert.equal(await app.auth.getAccessToken(), token);
  assert.deepEqual(app.events, ['change ada']);
});

test('user() requests the claims from the issuer', async () => {
  const { launch } = setUp();
  assert.equal((await launch().auth.user()).nickname, '小明');
});

test('bindPhone() sends the code of the button; a rejected code does not sign the user out', async () => {
  const { launch } = setUp();
  const app = launch();
  assert.deepEqual({ ...(await app.auth.bindPhone('good')) }, { phone_number: '+8613800000000', phone_number_verified: true });
  const err = await fails(app.auth.bindPhone('bad'));
  assert.deepEqual([err.code, err.status, err.wechat_errcode], ['invalid_grant', 400, 40029]);
  await turn();
  assert.deepEqual(app.events, ['change ada']);
});

test('bindPhone() can be repeated: each code has one key', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  await app.auth.request({ url: account });
  issuer.plan.push(lost, unsent);
  for (let n = 0; n < 2; n++) assert.equal((await fails(app.auth.bindPhone('good'))).retryable, true);
  issuer.good.clear();
  assert.equal((await app.auth.bindPhone('good')).phone_number_verified, true);
  await Promise.all([app.auth.bindPhone('good'), app.auth.bindPhone('good-too')]);
  const sent = issuer.requests.filter(({ path }) => path === '/wechat/phone');
  assert.deepEqual(sent.map(({ form }) => form.code), ['good', 'good', 'good', 'good', 'good', 'good-too']);
  assert.match(sent[0].key, /^[0-9a-f]{32}$/);
  assert.deepEqual(sent.slice(0, 5).map(({ key }) => key), Array(5).fill(sent[0].key));
  assert.notEqual(sent[5].key, sent[0].key);
});

test('bindPhone() without a secure random source sends no key', async () => {
  const { issuer, launch } = setUp();
  assert.equal((await launch({ without: ['getRandomValues'] }).auth.bindPhone('good')).phone_number_verified, true);
  assert.equal(issuer.requests.at(-1).key, undefined);
});

test('errors have codes, and messages in Chinese and English', async () => {
  for (const [language, message] of [['zh-CN', '服务繁忙，请稍后重试'], ['en', 'The service is busy. Try again later.'], [undefined, '服务繁忙，请稍后重试']]) {
    const { issuer, device, launch } = setUp();
    device.language = 'zh_CN';
    const app = launch({ options: { language } });
    issuer.plan.push(refused(503, 'temporarily_unavailable', {}, { 'retry-AFTER': '7' }));
    const err = await fails(app.auth.getAccessToken());
    assert.ok(err instanceof app.sdk.AuthError);
    assert.deepEqual([err.name, err.code, err.status, err.retryable, err.retryAfter, err.request_id], ['AuthError', 'temporarily_unavailable', 503, true, 7, 'r1']);
    assert.equal(err.message, message);
  }
  const { messages } = setUp().launch().sdk;
  for (const code of Object.keys(messages)) {
    assert.match(messages[code][0], /[一-龥]/);
    assert.match(messages[code][1], /^[ -~]+$/);
  }
});

test('a removed listener is not called, and can be removed again', async () => {
  const { launch } = setUp();
  const app = launch();
  const heard = [];
  const off = app.auth.on('change', user => heard.push(user && user.sub));
  await app.auth.login();
  await turn();
  off();
  const others = [];
  app.auth.on('change', user => others.push(user && user.sub));
  off();
  await app.auth.logout();
  await turn();
  assert.deepEqual([heard, others], [['ada'], [null]]);
});

test('an error of a listener affects nothing else, and is not hidden', () => {
  const script = `
    const { setUp } = require('./support/fixtures');
    const app = setUp().launch();
    process.on('unhandledRejection', err => console.log('told:', err.message));
    app.auth.on('change', () => { throw new Error('of the app'); });
    app.auth.on('change', user => console.log('heard:', user.sub));
    app.auth.login().then(user => console.log('signed in:', user.sub));
  `;
  const { stdout } = spawnSync(process.execPath, ['-e', script], { cwd: __dirname, encoding: 'utf8' });
  for (const line of ['told: of the app', 'heard: ada', 'signed in: ada']) assert.ok(stdout.includes(line), stdout);
});

test('createAuth reports missing options', () => {
  const { launch } = setUp();
  assert.throws(() => launch({ options: { issuer: '' } }), /issuer and clientId/);
});
