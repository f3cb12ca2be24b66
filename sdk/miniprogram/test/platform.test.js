'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, hour, fails, turn } = require('./support/fixtures');
const { never } = require('./support/issuer');

test('the storage is encrypted if WeChat supports that, and plain otherwise', async () => {
  for (const [version, plain] of [['2.21.2', true], ['2.21.3', false], ['2.9.9', true], ['3.0.0', false]]) {
    const { device, launch } = setUp();
    device.version = version;
    const app = launch();
    const token = await app.auth.getAccessToken();
    assert.equal(device.plain.length > 0, plain, version);
    assert.equal(await launch().auth.getAccessToken(), token, version);
  }
});

test('a session that was stored in plain text survives an update of WeChat that adds encryption', async () => {
  const { issuer, device, launch } = setUp();
  device.version = '2.20.0';
  await launch().auth.getAccessToken();
  device.version = '3.0.0';
  device.plain.length = 0;
  device.ahead += 2 * hour;
  await launch().auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
  assert.deepEqual(device.plain, []);
});

test('encryption that fails falls back to plain', async () => {
  const { device, launch } = setUp();
  const wx = device.wx({ alive: true });
  const refuses = name => ({ encrypt, key, data }) => new Promise((success, fail) => (encrypt ? fail(new Error('no')) : wx[name]({ key, data, success, fail: () => fail(new Error('data not found')) })));
  const platform = { getStorage: refuses('getStorage'), setStorage: refuses('setStorage'), getAppBaseInfo: wx.getAppBaseInfo };
  const token = await launch({ options: { platform } }).auth.getAccessToken();
  assert.equal(await launch({ options: { platform } }).auth.getAccessToken(), token);
});

test('a storage that ignores the option of encryption keeps the session', async () => {
  const { issuer, device, launch } = setUp();
  const kept = {};
  const platform = { getStorage: async ({ key }) => ({ data: kept[key] }), setStorage: async ({ key, data }) => { kept[key] = data; } };
  await launch({ options: { platform } }).auth.getAccessToken();
  device.ahead += 2 * hour;
  await launch({ options: { platform } }).auth.getAccessToken();
  assert.equal(issuer.sessions.length, 1);
});

test('an encrypted read that returns rubbish is followed by a plain one', async () => {
  const { issuer, device, launch } = setUp();
  device.version = '2.20.0';
  const token = await launch().auth.getAccessToken();
  device.version = '3.0.0';
  const wx = device.wx({ alive: true });
  const lenient = options => (options.encrypt ? options.success({ data: '\u0007\ufffdx' }) : wx.getStorage(options));
  assert.equal(await launch({ options: { platform: { getStorage: lenient } } }).auth.getAccessToken(), token);
  assert.equal(issuer.sessions.length, 1);
});

test('a storage that never answers is given 3 s, and then 0.3 s until it answers again', async () => {
  const { device, launch } = setUp();
  device.frozen = new Set();
  device.freezes = 300;
  Object.assign(device.takes, { getStorage: never, setStorage: never });
  const app = launch();
  const waited = [];
  let token;
  app.auth.getAccessToken().then(given => { token = given; });
  while (!token) {
    await turn();
    const [timer] = device.frozen;
    if (!timer) continue;
    waited.push(timer.after);
    device.elapse(timer.after);
  }
  assert.equal(waited[0], 3000);
  assert.deepEqual([...new Set(waited.slice(1))], [300]);

  delete device.takes.setStorage;
  delete device.takes.getStorage;
  device.ahead += 2 * hour;
  const renewed = await app.auth.getAccessToken();
  assert.equal(device.record().access, renewed);
  device.takes.getStorage = never;
  device.ahead += 2 * hour;
  const waiting = app.auth.getAccessToken();
  await turn();
  assert.deepEqual([...device.frozen].map(({ after }) => after), [3000]);
  delete device.takes.getStorage;
  device.elapse(3000);
  await waiting;
});

test('stored data that cannot be read counts as missing', async () => {
  for (const data of ['', 'null', '7', '{', 'ciphertext']) {
    const { device, launch } = setUp();
    device.stored.set('lingpai.mini', { data, encrypt: true });
    assert.equal((await launch().auth.request({ url: api })).statusCode, 200);
  }
});

test('a platform object replaces wx, completely or in part, with callbacks or promises', async () => {
  const { issuer, launch } = setUp();
  const calls = [];
  const container = { // as wx.cloud.callContainer
    request: ({ url, header, method, data, success, fail }) => {
      calls.push(url);
      issuer.answer({ url, header, method, data }).then(success, fail);
    },
  };
  assert.equal((await launch({ options: { platform: container } }).auth.request({ url: api })).statusCode, 200);
  assert.deepEqual(calls, ['https://login.test/token', api]);

  const kept = {};
  const uni = {
    request: async options => issuer.answer(options),
    login: async () => ({ code: 'code-uni-1' }),
    getStorage: async ({ key }) => ({ data: kept[key] }),
    setStorage: async ({ key, data }) => { kept[key] = data; },
    getSystemInfoSync: () => ({ SDKVersion: '1.0', language: 'en' }),
  };
  const app = launch({ without: ['request', 'login', 'getStorage', 'setStorage', 'getAppBaseInfo'], options: { platform: uni } });
  assert.equal((await app.auth.login()).sub, 'uni');
  assert.equal(JSON.parse(kept['lingpai.mini']).sub, 'uni');
});

test('a rejected promise of the host is handled', async () => {
  const { launch } = setUp();
  const late = [];
  const listen = err => late.push(err);
  process.on('unhandledRejection', listen);
  const taro = { request: ({ fail }) => { fail({ errMsg: 'request:fail' }); return Promise.reject(new Error('request:fail')); } };
  assert.equal((await fails(launch({ options: { platform: taro } }).auth.getAccessToken())).code, 'network');
  await turn();
  process.off('unhandledRejection', listen);
  assert.deepEqual(late, []);
});

test('no call hangs if the host throws or never answers', async () => {
  const { device, launch } = setUp();
  const app = launch({ options: { timeout: -4950 } }); // which leaves 50 ms
  device.takes.login = never;
  assert.equal((await fails(app.auth.getAccessToken())).code, 'login_failed');
  delete device.takes.login;
  device.network = never;
  assert.equal((await fails(app.auth.getAccessToken())).code, 'network');
  const broken = launch({ options: { platform: { request: () => { throw new Error('not allowed'); } } } });
  assert.equal((await fails(broken.auth.getAccessToken())).code, 'network');
});

test('an answer that arrives twice counts once', async () => {
  const { issuer, device, launch } = setUp();
  const wx = device.wx({ alive: true });
  const twice = name => options => wx[name](Object.assign({}, options, { success: answer => { options.success(answer); options.success(answer); if (options.fail) options.fail(answer); } }));
  const platform = { request: twice('request'), login: twice('login'), setStorage: twice('setStorage'), getStorage: twice('getStorage') };
  const app = launch({ options: { platform } });
  await app.auth.request({ url: api });
  assert.equal(issuer.requests.length, 1);
});

test('a body that wx.request leaves as text is parsed', async () => {
  const { issuer, device, launch } = setUp();
  device.network = async options => { const answer = await issuer.answer(options); return Object.assign({}, answer, { data: JSON.stringify(answer.data) }); };
  assert.equal((await launch().auth.login()).sub, 'ada');
});
