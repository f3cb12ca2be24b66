'use strict';

// Runs the demo without a screen against a real issuer and its simulator: sign-in, a rejected token, a refresh, a
// killed app, a theft, another sign-in.

const assert = require('node:assert/strict');
const fs = require('fs');
const os = require('os');
const path = require('path');
const vm = require('vm');
const { Device } = require('./support/runtime');
const { send, server, claims, refresh } = require('./support/server');
const { install } = require('../scripts/build');

// The demo is built according to its README, but in a folder of this test.
const api = process.env.API;
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lingpai-demo-'));
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }));
fs.cpSync(path.join(__dirname, '..', 'demo'), root, { recursive: true });
install(root);

class Phone extends Device {
  // Starts the demo like WeChat, and returns its page.
  start() {
    const life = { alive: true };
    const config = { api, issuer: server.issuer, clientId: server.clientId, simulator: { url: server.simulator, appid: server.appid, user: this.wechatUser } };
    const phone = this;
    class PhoneDate extends Date {
      static now() { return phone.now(); }
    }
    let app;
    let page;
    const context = vm.createContext({
      wx: this.wx(life), console, setTimeout, clearTimeout, Date: PhoneDate,
      App: given => { app = given; }, getApp: () => app, Page: given => { page = given; },
    });
    const load = file => {
      const module = { exports: {} };
      vm.runInContext(`(function (module, exports, require) {${fs.readFileSync(path.join(root, file), 'utf8')}\n})`, context)(module, module.exports,
        name => (name === './config' ? config : load(name.startsWith('.') ? name + '.js' : `miniprogram_npm/${name}/index.js`)));
      return module.exports;
    };
    load('app.js');
    load('pages/index/index.js');
    page.data = Object.assign({}, page.data);
    page.setData = more => Object.assign(page.data, more);
    page.kill = () => { life.alive = false; };
    page.auth = app.auth;
    return page;
  }
}

const hour = 3600 * 1000;

const walk = async () => {
  const asked = [];
  const phone = new Phone({
    wechatUser: 'visitor-' + Date.now(),
    network: options => {
      asked.push(options.url.replace(server.issuer, '').replace(server.simulator, '').replace(api, 'api'));
      return send(options);
    },
  });
  const record = () => JSON.parse(phone.stored.get('lingpai.' + server.clientId).data);
  const step = async (name, work, expected) => {
    asked.length = 0;
    await work();
    assert.deepEqual(asked, expected, name);
    console.log('ok', name);
  };
  let page;

  await step('signs in at the first need', async () => {
    page = phone.start();
    await page.onLoad();
  }, ['/_sim/codes', '/token', '/userinfo']);
  const { sub } = claims(record().access);
  const first = claims(record().access).sid;
  assert.equal(page.data.user, sub);

  await step('a killed app goes on with what it stored', async () => {
    page.kill();
    page = phone.start();
    await page.onLoad();
  }, ['/userinfo']);

  await step('refreshes when the token is old', async () => {
    phone.ahead += 2 * hour;
    await page.who();
  }, ['/token', '/userinfo']);

  await step('a token that the issuer refuses is refreshed, and the call replayed', async () => {
    page.kill();
    const stored = record();
    phone.stored.get('lingpai.' + server.clientId).data = JSON.stringify(Object.assign(stored, { access: stored.access.slice(0, -8) + 'AAAAAAAA' }));
    page = phone.start();
    await page.onLoad();
  }, ['/userinfo', '/token', '/userinfo']);
  assert.equal(claims(record().access).sid, first, 'still the first session');
  assert.equal(page.data.user, sub);

  await step('a stolen refresh token that both use ends the session, and the app signs in again, as the same user', async () => {
    const stolen = record().refresh;
    phone.ahead += 2 * hour;
    await page.who();
    assert.equal((await refresh(stolen)).data.error, 'invalid_grant');
    await page.who();
  }, ['/token', '/userinfo', '/userinfo', '/token', '/_sim/codes', '/token', '/userinfo']);
  assert.match(page.data.notice, /Signed in again \(ended\)/);
  const second = claims(record().access);
  assert.notEqual(second.sid, first);
  assert.equal(second.sub, sub);
  assert.match(page.data.message, new RegExp(sub));

  await step('requests a token for the issuer, and shows what it says of a phone number', () => page.phone({ detail: {} }),
    ['/_sim/phone_codes', '/token', '/wechat/phone']);
  assert.match(page.data.message, /over_budget/);

  await step('calls the API and the issuer, each with a token of its own', async () => {
    await page.orders();
    assert.match(page.data.message, new RegExp(`"orders_of":"${sub}"`));
    await page.sessions();
    assert.match(page.data.message, new RegExp(`"current":true`));
  }, ['api/orders', '/account/v1/sessions']);

  await step('the API cannot use its token at the issuer', async () => {
    const { data } = await page.auth.request({ url: api + '/abuse' });
    assert.deepEqual(Object.values(data), Array(8).fill(403), JSON.stringify(data));
  }, ['api/abuse']);

  await step('signs out, and stays so', async () => {
    await page.logout();
    await page.who();
    page.kill();
    page = phone.start();
    await page.onLoad();
  }, ['/revoke']);
  assert.equal(page.data.user, '');
  assert.match(page.data.message, /signed_out/);

  await step('signs in again when asked to', () => page.login(), ['/_sim/codes', '/token']);
  assert.equal(page.data.user, sub);
};

walk().then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
