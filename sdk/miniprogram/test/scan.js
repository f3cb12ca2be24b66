'use strict';

// Runs the demo's page for scans against a real issuer, whose pages show the codes: with numbers to choose (the default),
// or as NUMBERS says.

const assert = require('node:assert/strict');
const { Phone } = require('./support/demo');
const { Screen } = require('./support/screen');
const { send, server, demo, claims } = require('./support/server');

const { CLIENT, REDIRECT_URI, NUMBERS } = process.env;
const show = at => new Screen(CLIENT, REDIRECT_URI, at).show();

let users = 0;
class Scanner extends Phone {
  constructor(more) {
    super(Object.assign({ wechatUser: `scanner-${Date.now()}-${users++}`, network: options => this.send(options), asked: [], language: 'zh_CN' }, more));
  }

  // Sends a request, unless the test has a fate for it.
  async send(options) {
    this.asked.push(options.url.replace(server.issuer, '').replace(server.simulator, ''));
    const answer = await send(options);
    const fate = options.url.includes('/scan/') && this.fate;
    if (!fate) return answer;
    this.fate = undefined;
    throw new Error(fate);
  }

  // Opens the page for scans, like WeChat, and waits for what it shows.
  async open(options) {
    const page = this.start(demo(this.wechatUser), 'scan');
    await page.onLoad(options);
    return page;
  }

  record() {
    return JSON.parse(this.stored.get('lingpai.' + server.clientId).data);
  }
}

// scan returns the page of a phone that has scanned the code of a screen.
const scan = (screen, phone = new Scanner()) => phone.open({ q: encodeURIComponent(screen.address) });

const tapped = number => ({ currentTarget: { dataset: { number } } });

const refused = (page, words) => {
  assert.deepEqual([page.data.state, page.data.repeatable], ['failed', false], page.data.message);
  assert.match(page.data.message, words);
};

const choosing = {
  'a number that is chosen lets the screen go on': async () => {
    const screen = await show();
    assert.equal(await screen.state(), 'shown');
    const phone = new Scanner();
    const page = await scan(screen, phone);
    const { shown_at: shownAt, expires_in: left, numbers, ...shown } = page.data.screen;
    assert.equal(page.data.state, 'asking', page.data.message);
    assert.deepEqual({ ...shown }, { client_name: 'The shop', host: 'shop.example.com', address: '127.0.0.1', near: true, device: 'Chrome, Windows' });
    assert.equal(numbers.length, 3);
    assert.ok(numbers.includes(screen.number) && left > 0 && left <= 120 && !Number.isNaN(Date.parse(shownAt)));
    assert.equal(await screen.state(), 'scanned');
    await page.choose(tapped(screen.number));
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'approved');
    assert.deepEqual(phone.asked, ['/_sim/codes', '/token', '/token', '/scan/look', '/scan/approve']);
    assert.equal(claims(phone.record().issuer.access).aud, server.issuer);
  },

  'a wrong number declines': async () => {
    const screen = await show();
    const page = await scan(screen);
    await page.choose(tapped(page.data.screen.numbers.find(number => number !== screen.number)));
    refused(page, /数字不一致/);
    assert.equal(await screen.state(), 'over');
    await page.choose(tapped(screen.number));
    refused(page, /已被允许或拒绝/);
    assert.equal(await screen.state(), 'over');
  },

  'a second phone decides nothing': async () => {
    const screen = await show();
    const page = await scan(screen);
    refused(await scan(screen), /已被扫描/);
    await page.choose(tapped(screen.number));
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'approved');
    refused(await scan(screen), /已被扫描/);
  },

  'after a lost answer the user taps again': async () => {
    const screen = await show();
    const phone = new Scanner({ fate: 'interrupted' });
    const page = await scan(screen, phone);
    assert.deepEqual([page.data.state, page.data.repeatable], ['failed', true]);
    await page.look();
    assert.equal(page.data.state, 'asking', page.data.message);
    phone.fate = 'interrupted';
    await page.choose(tapped(screen.number));
    assert.deepEqual([page.data.state, page.data.busy], ['asking', false]);
    assert.match(page.data.message, /网络/);
    await page.choose(tapped(screen.number));
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'approved');
    assert.deepEqual(phone.asked.slice(-4), ['/scan/look', '/scan/look', '/scan/approve', '/scan/approve']);
  },

  'a user whose session has ended is signed in again, and is not asked': async () => {
    const phone = new Scanner();
    await (await scan(await show(), phone)).deny();
    const { sub, sid } = claims(phone.record().access);
    await send({
      url: server.issuer + '/revoke', method: 'POST', header: { 'content-type': 'application/x-www-form-urlencoded' },
      data: `client_id=${server.clientId}&token=${phone.record().refresh}`,
    });
    const screen = await show();
    const page = await scan(screen, phone);
    await page.choose(tapped(screen.number));
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'approved');
    const after = claims(phone.record().access);
    assert.equal(after.sub, sub);
    assert.notEqual(after.sid, sid);
  },

  'a code that is gone, and what is no code of this issuer': async () => {
    const phone = new Scanner();
    const handle = 'A'.repeat(32);
    refused(await phone.open({ q: `https://evil.example.com/scan/${handle}` }), /不是登录二维码/);
    refused(await phone.open({ q: encodeURIComponent(server.issuer + '/scan/nonsense') }), /不是登录二维码/);
    refused(await phone.open({}), /不是登录二维码/);
    assert.deepEqual(phone.asked, []);
    refused(await phone.open({ scene: handle }), /过期/);
  },

  'a picture of a screen elsewhere is refused, and a scan says that it is elsewhere': async () => {
    const screen = await show('192.0.2.10');
    refused(await scan(screen, new Scanner({ scene: 1012 })), /相机/);
    assert.equal(await screen.state(), 'shown');
    const page = await scan(screen);
    assert.deepEqual([page.data.screen.near, page.data.screen.address], [false, '192.0.2.10']);
    await page.deny();
    assert.equal((await scan(await show(), new Scanner({ scene: 1012 }))).data.state, 'asking', 'in the same network');
  },

  'a user who knows nothing of it ends the other codes of the address': async () => {
    const [screen, other] = [await show('198.51.100.7'), await show('198.51.100.7')];
    const page = await scan(screen);
    await page.report();
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'over');
    refused(await scan(other), /过期/);
  },
};

const declining = {
  'a user who declines ends the sign-in of the screen': async () => {
    const [screen, other] = [await show('203.0.113.9'), await show('203.0.113.9')];
    const page = await scan(screen);
    await page.deny();
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'over');
    assert.equal((await scan(other)).data.state, 'asking', 'the other codes of the address are good');
  },
};

const comparing = {
  'a number to compare': async () => {
    const screen = await show();
    const page = await scan(screen);
    assert.deepEqual([...page.data.screen.numbers], [screen.number]);
    await page.allow();
    assert.equal(page.data.state, 'done', page.data.message);
    assert.equal(await screen.state(), 'approved');
  },
};

const walk = async () => {
  const steps = Object.assign({}, NUMBERS === 'show' ? comparing : choosing, declining);
  for (const name of Object.keys(steps)) {
    await steps[name]();
    console.log('ok', name);
  }
};

walk().then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
