'use strict';

// Errors that trying again does not mend, each with a code and a text that says what to do.

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, account, fails, turn, hour } = require('./support/fixtures');
const { refused, unsent } = require('./support/issuer');

const final = (err, code, text) => {
  assert.deepEqual([err.code, err.retryable, err.message], [code, false, text]);
  assert.match(err.errMsg, /:fail/);
};

test('bindPhone() without a code, after the user has declined, sends nothing', async () => {
  const { issuer, launch } = setUp();
  const app = launch();
  for (const code of [undefined, '', null]) final(await fails(app.auth.bindPhone(code)), 'phone_declined', 'Tap again and allow the phone number.');
  assert.equal(issuer.requests.length, 0);
  assert.equal((await app.auth.bindPhone('good')).phone_number_verified, true);
});

test('in tourist mode nothing is sent, and nothing is lost', async () => {
  const { issuer, device, launch } = setUp();
  const { mint } = device;
  const app = launch();
  await app.auth.getAccessToken();
  issuer.sessions[0].ended = true;
  device.ahead += 2 * hour;
  device.mint = async () => 'the code is a mock one';
  for (let n = 0; n < 2; n++) final(await fails(app.auth.request({ url: api })), 'tourist_appid', 'Set an AppID: tourists cannot sign in.');
  assert.equal(issuer.count('wechat_code'), 1);
  device.mint = mint;
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  assert.deepEqual(app.events, ['change ada', 'sessionReplaced ended']);
});

const unlisted = async () => { throw Object.assign(new Error('url not in domain list'), { errno: 600002 }); };

test('a domain that is not listed is told apart from a network that fails', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  issuer.plan.push(unlisted);
  const err = await fails(app.auth.request({ url: api }));
  final(err, 'domain_not_listed', 'Add the domain to the request domains.');
  assert.deepEqual([err.errMsg, err.errno], ['request:fail url not in domain list', 600002]);
  await app.auth.getAccessToken();
  const network = device.network;
  device.network = options => (options.url === api ? unlisted() : network(options));
  final(await fails(app.auth.request({ url: api })), 'domain_not_listed', 'Add the domain to the request domains.');
  assert.equal((await app.auth.request({ url: account })).statusCode, 200);
  assert.deepEqual(app.events, ['change ada']);
});

test('a revocation that could not be sent for that reason is sent later', async () => {
  const { issuer, device, launch } = setUp();
  issuer.old = true;
  const app = launch();
  await app.auth.getAccessToken();
  const { refresh } = device.record();
  device.ahead += 2 * hour;
  issuer.plan.push(refused(400, 'invalid_grant'), unlisted);
  await app.auth.getAccessToken();
  assert.deepEqual(device.record().revoke, [refresh]);
  device.ahead += 2 * hour;
  await app.auth.getAccessToken();
  assert.deepEqual(device.record().revoke, []);
});

test('a user that WeChat blocks is told so, after one wx.login', async () => {
  const blocked = refused(400, 'invalid_grant', { wechat_errcode: 40226 });
  for (const silent of [false, true]) {
    const { issuer, device, launch } = setUp();
    const app = launch();
    if (silent) {
      await app.auth.getAccessToken();
      issuer.sessions[0].ended = true;
      device.ahead += 2 * hour;
      issuer.plan.push(answer => answer());
    }
    const before = device.logins;
    issuer.plan.push(blocked);
    const err = await fails(silent ? app.auth.request({ url: api }) : app.auth.login());
    final(err, 'user_blocked', 'WeChat blocks this user. Contact support.');
    assert.deepEqual([err.status, err.wechat_errcode], [400, 40226]);
    assert.equal(device.logins - before, 1);
    await turn();
    assert.deepEqual(app.events, silent ? ['change ada', 'sessionLost user_blocked', 'change'] : []);
  }
});

test('a repeated code of a user that WeChat blocks is not followed by another wx.login', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  issuer.plan.push(unsent, refused(400, 'invalid_grant', { wechat_errcode: 40226 }));
  await fails(app.auth.login());
  assert.equal((await fails(app.auth.login())).code, 'user_blocked');
  assert.equal(device.logins, 1);
});
