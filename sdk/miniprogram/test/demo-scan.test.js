'use strict';

// The page of the demo for a code that the user has scanned.

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp } = require('./support/fixtures');
const { Phone, read } = require('./support/demo');
const { lost, unsent, refused } = require('./support/issuer');

const handle = 'AbCdEfGhIjKlMnOpQrStUvWxYz-_0123';
const address = `https://login.test/scan/${handle}`;
const shop = { client_name: 'The shop', numbers: [12, 34, 56], number: 34 };

const sent = issuer => issuer.requests.filter(({ path }) => path.startsWith('/scan/')).map(({ path, form }) => [path, form]);

// open returns the page after it has looked at the code.
const open = async (screen = shop, page = { q: encodeURIComponent(address) }) => {
  const { issuer } = setUp();
  issuer.screens.set(handle, { ...screen });
  const shown = new Phone({ language: 'zh_CN', network: options => issuer.answer(options) }).start({ issuer: issuer.url, clientId: 'mini' }, 'scan');
  assert.equal(shown.data.state, 'loading');
  await shown.onLoad(page);
  return { issuer, shown };
};
const tapped = number => ({ currentTarget: { dataset: { number } } });

test('after a link, the user goes back to the browser', async () => {
  const { shown } = await open(shop, { scan: handle });
  await shown.choose(tapped(34));
  assert.match(shown.data.message, /回到浏览器/);
});

test('each button does what it says', async () => {
  for (const [handler, screen, given, decision, words] of [
    ['choose', shop, tapped(34), 'approved', /已允许/], ['allow', { client_name: 'The shop', numbers: [34] }, {}, 'approved', /已允许/],
    ['allow', { client_name: 'The shop' }, {}, 'approved', /已允许/], ['deny', shop, {}, 'denied', /没有允许/], ['report', shop, {}, 'denied', /全部失效/],
  ]) {
    const { issuer, shown } = await open(screen);
    assert.equal(shown.data.state, 'asking');
    await shown[handler](given);
    assert.equal(issuer.screens.get(handle).decision, decision);
    assert.equal(sent(issuer)[1][1].report, handler === 'report' ? 'true' : undefined);
    assert.deepEqual([shown.data.state, shown.data.busy], ['done', false]);
    assert.match(shown.data.message, words);
  }
});

test('sends one decision, however often somebody taps', async () => {
  const { issuer, shown } = await open();
  await Promise.all([shown.choose(tapped(34)), shown.choose(tapped(34)), shown.deny()]);
  assert.deepEqual(sent(issuer).map(([path]) => path), ['/scan/look', '/scan/approve']);
});

test('says what went wrong, and can be tried again if that may help', async () => {
  const { issuer, shown } = await open(shop, { scene: 'a=1' });
  assert.deepEqual([shown.data.state, shown.data.repeatable], ['failed', false]);
  assert.match(shown.data.message, /不是登录二维码/);
  await shown.onLoad({ scene: handle });
  for (const [fate, state, words] of [[lost, 'asking', /网络/], [refused(400, 'invalid_grant', { scan: 'expired' }), 'failed', /过期/]]) {
    issuer.plan.push(fate);
    await shown.choose(tapped(34));
    assert.deepEqual([shown.data.state, shown.data.repeatable, shown.data.busy], [state, false, false]);
    assert.match(shown.data.message, words);
  }
  issuer.plan.push(unsent);
  await shown.onLoad({ scene: handle });
  assert.deepEqual([shown.data.state, shown.data.repeatable], ['failed', true]);
});

// RFC 10027: to decline must be as easy as to approve.
test('is registered, has all handlers, and declines as prominently as it approves', async () => {
  assert.ok(JSON.parse(read('app.json')).pages.includes('pages/scan/scan'));
  const { shown } = await open();
  const buttons = read('pages/scan/scan.wxml').match(/<button [^>]*>/g);
  assert.deepEqual(buttons.map(button => /bindtap="(\w+)"/.exec(button)[1]), ['choose', 'deny', 'deny', 'allow', 'report', 'look']);
  for (const button of buttons) {
    assert.match(button, /class="choice"/);
    assert.equal(typeof shown[/bindtap="(\w+)"/.exec(button)[1]], 'function');
  }
  const all = read('pages/scan/scan.wxml');
  for (const [, name] of all.matchAll(/{{(?:[^}]*?\W)?screen\.(\w+)/g)) assert.ok(['client_name', 'near', 'address', 'place', 'caller_place', 'device', 'host', 'numbers'].includes(name), name);
});

test('the demo scans with the camera, and opens the page with the address', async () => {
  const phone = new Phone({ network: () => Promise.reject(new Error('no network')) });
  const opened = [];
  const wx = phone.wx.bind(phone);
  phone.wx = life => Object.assign(wx(life), { scanCode: ({ onlyFromCamera, success }) => onlyFromCamera && success({ result: address }), navigateTo: ({ url }) => opened.push(url) });
  phone.start({ issuer: 'https://login.test', clientId: 'mini' }).scan();
  assert.deepEqual(opened, ['/pages/scan/scan?q=' + encodeURIComponent(address)]);
});
