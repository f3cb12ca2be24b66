'use strict';

// A code that the user has scanned on a screen, in a mini-program: what is shown, and the decision.

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, fails, hour } = require('./support/fixtures');
const { lost, unsent, refused, json, claims } = require('./support/issuer');

const handle = 'AbCdEfGhIjKlMnOpQrStUvWxYz-_0123';
const address = `https://login.test/scan/${handle}`;
const shop = { client_name: 'The shop', host: 'shop.test', device: 'Chrome, Windows', numbers: [12, 34, 56], number: 34 };

// screens returns a set-up whose issuer shows a code, and an app.
const screens = (screen = shop, more = {}) => {
  const w = setUp(more.device);
  w.issuer.screens.set(handle, { ...screen });
  w.app = w.launch(more.launch);
  return w;
};

// sent returns what was sent about the code.
const sent = issuer => issuer.requests.filter(({ path }) => path.startsWith('/scan/')).map(({ path, form }) => [path, form]);

// plain copies what comes from the context of the app.
const plain = value => JSON.parse(JSON.stringify(value));

test('signs in silently, shows who asks, and approves with a token for the issuer', async () => {
  const { issuer, device, app } = screens();
  const { screen, approve } = await app.scan({ q: encodeURIComponent(address), scancode_time: '1' });
  assert.deepEqual(plain(screen), {
    client_name: 'The shop', host: 'shop.test', device: 'Chrome, Windows', numbers: [12, 34, 56],
    address: '192.0.2.10', near: true, shown_at: '2026-01-02T03:04:05Z', expires_in: 119,
  });
  assert.equal(await approve(34), undefined);
  assert.equal(issuer.screens.get(handle).decision, 'approved');
  assert.deepEqual(sent(issuer), [['/scan/look', { scan: handle, scene: '1011', ui_locales: 'en' }], ['/scan/approve', { scan: handle, number: '34' }]]);
  issuer.requests.filter(({ path }) => path.startsWith('/scan/')).forEach(({ authorization }) => assert.equal(claims(authorization).aud, 'https://login.test'));
  assert.equal(device.logins, 1);
});

test('finds the handle in an address, encoded or not, in a mini-program code, and in a link', async () => {
  for (const page of [{ q: address }, { q: encodeURIComponent(address) }, { scene: handle }, { scene: encodeURIComponent(handle) }, { scan: handle }]) {
    const { app } = screens();
    assert.equal((await app.scan(page)).screen.client_name, 'The shop');
  }
});

test('asks for the places in the language of the app, and passes them on', async () => {
  for (const [language, expected] of [['zh-CN', 'zh'], ['en', 'en']]) {
    const { issuer, app } = screens({ ...shop, place: '中国上海', caller_place: '中国杭州' }, { launch: { options: { language } } });
    const { screen } = await app.scan({ q: address });
    assert.deepEqual([screen.place, screen.caller_place], ['中国上海', '中国杭州']);
    assert.equal(sent(issuer)[0][1].ui_locales, expected);
  }
});

test('an issuer with a path has its codes below it', async () => {
  const { issuer, app } = screens(shop, { launch: { options: { issuer: 'https://login.test/tenant/' } } });
  assert.equal((await fails(app.scan({ q: address }))).code, 'unknown_code');
  assert.deepEqual(issuer.requests, []);
  await fails(app.scan({ q: address.replace('/scan/', '/tenant/scan/') }));
  assert.equal(issuer.requests[0].path, '/tenant/token');
});

// A code of an attacker's site must not make the app act, and no token may go there.
test('what is no code of the issuer is refused before anything is sent', async () => {
  const { issuer, device, app } = screens();
  for (const page of [
    undefined, {}, { q: '' }, { q: 'https://login.test/scan/' }, { q: '%' }, { scene: '%E0%A4%A' }, { scene: 'a=1' }, { scan: 'a=1' }, { scan: address }, { q: `https://evil.test/scan/${handle}`, scan: handle }, { scene: address }, { q: handle },
    { q: `https://evil.test/scan/${handle}` }, { q: `https://login.test.evil.test/scan/${handle}` }, { q: `https://login.test@evil.test/scan/${handle}` },
    { q: `https://evil.test/?${address}` }, { q: `http://login.test/scan/${handle}` }, { q: address + '?x' }, { q: address + '/' }, { q: address + '0' },
    { q: address + '%0A' }, { q: address.slice(0, -1) }, { q: address.slice(0, -1) + '.' }, { q: `https://login.test/scan/../scan/${handle}` },
    { q: `https://evil.test/scan/${handle}`, scene: handle },
  ]) {
    const err = await fails(app.scan(page));
    assert.ok(err instanceof app.sdk.AuthError, String(err));
    assert.deepEqual([err.code, err.status, err.retryable], ['unknown_code', 0, false], JSON.stringify(page));
    assert.match(err.description, /https:\/\/login\.test/);
  }
  assert.deepEqual([issuer.requests, device.logins], [[], 0]);
});

test('tells the issuer how WeChat has come by the code', async () => {
  for (const [scene, without, expected] of [
    [1049, [], '1049'], [1049, ['getEnterOptionsSync'], '1001'], [1049, ['getEnterOptionsSync', 'getLaunchOptionsSync'], undefined],
    [1065, [], '1065'], [undefined, [], undefined], ['0', [], undefined], ['album', [], undefined],
  ]) {
    const { issuer, app } = screens(shop, { device: { scene }, launch: { without } });
    await app.scan({ scene: handle });
    assert.equal(sent(issuer)[0][1].scene, expected, String(scene));
  }
});

test('declines, and reports only if asked to', async () => {
  for (const [given, report] of [[[], undefined], [[false], undefined], [[{ type: 'tap' }], undefined], [[true], 'true']]) {
    const { issuer, app } = screens();
    const { decline } = await app.scan({ q: address });
    assert.equal(await decline(...given), undefined);
    assert.equal(issuer.screens.get(handle).decision, 'denied');
    assert.equal(sent(issuer)[1][1].report, report);
  }
});

test('a number to compare, and none', async () => {
  for (const numbers of [[34], undefined]) {
    const { issuer, app } = screens({ client_name: 'The shop', ...(numbers && { numbers }) });
    const { screen, approve } = await app.scan({ q: address });
    assert.deepEqual(plain(screen.numbers), numbers || []);
    await approve();
    assert.equal(issuer.screens.get(handle).decision, 'approved');
  }
});

test('a number chosen on the page may be a text; one that was not to be chosen is not sent', async () => {
  const { issuer, app } = screens();
  const { approve } = await app.scan({ q: address });
  for (const number of [undefined, 99, '', {}]) assert.match((await fails(approve(number))).message, /one of the numbers/);
  assert.equal(issuer.screens.get(handle).decision, undefined);
  await approve('34');
  assert.equal(issuer.screens.get(handle).decision, 'approved');
});

test('a refusal says why, in words', async () => {
  const words = {
    expired: [/过期/, /expired/], taken: [/换一个/, /new one/], decided: [/已被允许或拒绝/, /already/], not_scanned: [/先扫描/, /first/],
    wrong_number: [/不一致/, /another number/], from_picture: [/相机/, /camera/], from_link: [/浏览器/, /browser/],
  };
  for (const reason of Object.keys(words)) {
    for (const [n, language] of ['zh-CN', 'en'].entries()) {
      const { issuer, app } = screens(shop, { launch: { options: { language } } });
      await app.auth.getAccessToken();
      issuer.plan.push(answer => answer(), refused(400, 'invalid_grant', { scan: reason }));
      const err = await fails(app.scan({ q: address }));
      assert.deepEqual([err.code, err.status, err.scan, err.retryable, err.request_id], ['invalid_grant', 400, reason, false, 'r1']);
      assert.match(err.message, words[reason][n]);
    }
  }
  const { app } = screens(shop, { launch: { options: { language: 'zh-CN' } } });
  assert.match((await fails(app.scan({ scene: 'a=1' }))).message, /不是登录二维码/);
});

test('other errors keep their codes', async () => {
  const { issuer, app } = screens();
  await app.scan({ q: address });
  for (const [status, error, retryable] of [[403, 'insufficient_scope', false], [429, 'temporarily_unavailable', true]]) {
    issuer.plan.push(refused(status, error));
    const err = await fails(app.scan({ q: address }));
    assert.deepEqual([err.code, err.status, err.retryable, err.scan], [error, status, retryable, undefined]);
  }
  issuer.plan.push(() => json(200, '<html>'));
  assert.deepEqual([(await fails(app.scan({ q: address }))).code], ['invalid_response']);
});

test('a wrong number declines', async () => {
  const { issuer, app } = screens();
  const { approve } = await app.scan({ q: address });
  for (const [number, reason] of [[12, 'wrong_number'], [12, 'wrong_number'], [34, 'decided']]) assert.equal((await fails(approve(number))).scan, reason);
  assert.equal(issuer.screens.get(handle).decision, 'denied');
});

test('after a lost answer, each call can be repeated', async () => {
  for (const fate of [lost, unsent]) {
    const { issuer, app } = screens();
    await app.scan({ scene: handle });
    issuer.plan.push(fate);
    const err = await fails(app.scan({ q: address }));
    assert.deepEqual([err.code, err.retryable], ['network', true]);
    const { approve } = await app.scan({ q: address });
    issuer.plan.push(fate);
    assert.equal((await fails(approve(34))).code, 'network');
    await approve(34);
    assert.equal(issuer.screens.get(handle).decision, 'approved');
  }
  const { issuer, app } = screens();
  const { decline } = await app.scan({ q: address });
  issuer.plan.push(lost);
  await fails(decline(true));
  await decline(true);
  assert.deepEqual(sent(issuer).slice(1), Array(2).fill(['/scan/decline', { scan: handle, report: 'true' }]));
});

test('a session that has ended is replaced silently, and then scans', async () => {
  const { issuer, device, app } = screens();
  await app.auth.request({ url: api });
  issuer.sessions.forEach(session => { session.ended = true; });
  issuer.good.clear();
  device.ahead += 2 * hour;
  const { approve } = await app.scan({ q: address });
  await approve(34);
  assert.equal(issuer.screens.get(handle).decision, 'approved');
  assert.equal(device.logins, 2);
  assert.ok(app.events.includes('sessionReplaced ended'));
});

test('a second phone decides nothing', async () => {
  const { issuer, app } = screens();
  const second = setUp({ wechatUser: 'eve', network: options => issuer.answer(options) }).launch();
  const { approve } = await app.scan({ q: address });
  assert.equal((await fails(second.scan({ q: address }))).scan, 'taken');
  await approve(34);
  assert.equal(issuer.screens.get(handle).decision, 'approved');
});

test('nobody is signed in after a logout: nothing is sent', async () => {
  const { issuer, app } = screens();
  await app.auth.logout();
  assert.equal((await fails(app.scan({ q: address }))).code, 'signed_out');
  assert.deepEqual(sent(issuer), []);
});
