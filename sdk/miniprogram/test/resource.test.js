'use strict';

// The access token for the APIs and the one for the issuer, under one refresh token.

const test = require('node:test');
const assert = require('node:assert/strict');
const { setUp, api, account, hour, fails, turn, gate, pair } = require('./support/fixtures');
const { claims, json, lost, unsent } = require('./support/issuer');

const issuerURL = 'https://login.test';
const audience = answer => claims(answer.data.token).aud;

// refreshes returns the resource of each refresh.
const refreshes = issuer => issuer.requests.map(({ form }) => form)
  .filter(form => form.grant_type === 'refresh_token').map(form => form.resource);

// both returns an app that has both tokens.
const both = async (w = setUp()) => {
  w.app = w.launch();
  await w.app.auth.request({ url: api });
  await w.app.auth.request({ url: account });
  w.issuer.requests.length = 0;
  return w;
};

test('a token for the issuer is requested when it is first needed, and kept', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  assert.equal(audience(await app.auth.request({ url: api })), 'https://api.test');
  await app.auth.user();
  assert.deepEqual(refreshes(issuer), []);
  for (const running of [app, app, launch()]) {
    assert.equal(audience(await running.auth.request({ url: account })), issuerURL);
  }
  assert.equal((await app.auth.bindPhone('good')).phone_number_verified, true);
  assert.equal(audience(await app.auth.request({ url: api })), 'https://api.test');
  assert.equal(claims(await app.auth.getAccessToken()).aud, 'https://api.test');
  assert.deepEqual(refreshes(issuer), [issuerURL]);
  assert.equal(device.logins, 1);
});

test('a first call to the issuer signs in once, and then requests its token', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  const answers = await Promise.all([account, account, api].map(url => app.auth.request({ url })));
  assert.deepEqual(answers.map(audience), [issuerURL, issuerURL, 'https://api.test']);
  const sent = issuer.requests.filter(({ path }) => path === '/token').map(({ form }) => form);
  assert.deepEqual(sent.map(form => form.grant_type), ['wechat_code', 'refresh_token']);
  assert.deepEqual(sent.map(form => form.resource), [undefined, issuerURL]);
  assert.equal(device.logins, 1);
  await app.auth.logout();
  const [, answer] = await Promise.all([app.auth.login(), app.auth.request({ url: account })]);
  assert.equal(audience(answer), issuerURL);
});

test('after both tokens have expired, one refresh at a time replaces them', async () => {
  const { issuer, device, app } = await both();
  device.ahead += 2 * hour;
  let running = 0;
  const slow = gate();
  device.network = async options => {
    const refresh = options.url === issuerURL + '/token';
    if (refresh) {
      assert.equal(++running, 1);
      await slow.opened;
    }
    const answer = await issuer.answer(options);
    if (refresh) running--;
    return answer;
  };
  const calls = [api, account, account, api, account].map(url => app.auth.request({ url }));
  await turn();
  slow.open();
  for (const { statusCode } of await Promise.all(calls)) assert.equal(statusCode, 200);
  assert.deepEqual(refreshes(issuer), [undefined, issuerURL]);
  assert.equal(issuer.sessions.length, 1);
});

test('a refresh of one token leaves the other one valid', async () => {
  for (const [own, other] of [[api, account], [account, api]]) {
    const { issuer, device, app } = await both();
    const before = await app.auth.request({ url: other });
    const { refresh } = device.record();
    issuer.good.delete((await app.auth.request({ url: own })).data.token.replace('Bearer ', ''));
    device.ahead += 5 * 60 * 1000;
    assert.equal((await app.auth.request({ url: own })).statusCode, 200);
    assert.notEqual(device.record().refresh, refresh);
    assert.equal((await app.auth.request({ url: other })).data.token, before.data.token);
    assert.deepEqual(refreshes(issuer), [own === account ? issuerURL : undefined]);
  }
});

test('the 401 of each service refreshes its own token, once', async () => {
  const { issuer, device, app } = await both();
  device.ahead += 5 * 60 * 1000;
  issuer.good.clear();
  for (const url of [api, account, api, account]) assert.equal((await app.auth.request({ url })).statusCode, 200);
  assert.deepEqual(refreshes(issuer), [undefined, issuerURL]);
  issuer.good.clear();
  for (const url of [api, account]) await app.auth.request({ url, replay: false });
  const answers = await Promise.all([account, api].map(url => app.auth.request({ url })));
  assert.deepEqual(answers.map(({ statusCode }) => statusCode), [200, 200]);
});

test('a 403 of the issuer refreshes nothing', async () => {
  const { issuer, device, app } = await both();
  let sent = 0;
  const refused = json(403, {}, { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' });
  device.network = options => (options.url === account ? (sent++, refused) : issuer.answer(options));
  assert.equal((await app.auth.request({ url: account })).statusCode, 403);
  assert.equal(sent, 1);
  assert.deepEqual(refreshes(issuer), []);
});

test('after a lost answer the same key is sent, for either token', async () => {
  for (const [first, second] of [[api, account], [account, api], [account, account]]) {
    const { issuer, device, app } = await both();
    const { refresh, key } = device.record();
    device.ahead += 2 * hour;
    issuer.plan.push(lost);
    assert.equal((await fails(app.auth.request({ url: first }))).code, 'network');
    for (const url of [second, first]) assert.equal((await app.auth.request({ url })).statusCode, 200);
    const sent = issuer.requests.filter(({ path }) => path === '/token');
    assert.deepEqual(sent.slice(0, 2).map(r => [r.form.refresh_token, r.key]), [[refresh, key], [refresh, key]]);
    assert.deepEqual([issuer.sessions.length, issuer.thefts, sent.length], [1, 0, first === second ? 2 : 3]);
  }
});

test('an app that is killed while it requests the token for the issuer repeats the request', async () => {
  const { issuer, device, launch } = setUp();
  const app = launch();
  await app.auth.getAccessToken();
  const { refresh, key } = device.record();
  issuer.plan.push(async answer => { const given = await answer(); app.kill(); return given; });
  app.auth.request({ url: account });
  await turn();
  const next = launch();
  for (const url of [account, api]) assert.equal((await next.auth.request({ url })).statusCode, 200);
  const sent = issuer.requests.filter(({ form }) => form.grant_type === 'refresh_token');
  assert.deepEqual(sent.map(r => [r.form.refresh_token, r.key]), [[refresh, key], [refresh, key]]);
  assert.deepEqual([issuer.sessions.length, issuer.thefts], [1, 0]);
});

test('if an early refresh of the token for the issuer fails, the old one is used until it expires', async () => {
  const { issuer, device, app } = await both();
  device.ahead += 3550 * 1000;
  issuer.plan.push(unsent, answer => answer(), unsent);
  assert.equal(audience(await app.auth.request({ url: account })), issuerURL);
  await app.auth.request({ url: api });
  device.ahead += 60 * 1000;
  assert.equal((await fails(app.auth.request({ url: account }))).code, 'network');
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
});

test('two instances that refresh for different services at once keep the session', async () => {
  const { issuer, one, two } = await pair();
  const answers = await Promise.all([one.auth.request({ url: api }), two.auth.request({ url: account })]);
  assert.deepEqual(answers.map(({ statusCode }) => statusCode), [200, 200]);
  assert.equal(audience(await one.auth.request({ url: account })), issuerURL);
  assert.equal(audience(await two.auth.request({ url: api })), 'https://api.test');
  assert.deepEqual([issuer.sessions.length, issuer.thefts], [1, 0]);
});

test('an instance uses the token for the issuer that another one has requested', async () => {
  const { issuer, one, two } = await pair();
  const first = await one.auth.request({ url: account });
  assert.equal((await two.auth.request({ url: account })).data.token, first.data.token);
  assert.deepEqual(refreshes(issuer), [issuerURL]);
});

test('a logout or a login while the token for the issuer is requested is not undone', async () => {
  for (const then of ['logout', 'login']) {
    const { issuer, device, app } = await both();
    device.ahead += 2 * hour;
    const slow = gate();
    issuer.plan.push(slow.hold);
    const waiting = app.auth.request({ url: account }).then(audience, err => err.code);
    await turn();
    await app.auth[then]();
    const { refresh } = device.record();
    slow.open();
    assert.equal(await waiting, then === 'logout' ? 'signed_out' : issuerURL);
    assert.equal(issuer.sessions.length, then === 'logout' ? 1 : 2);
    if (then === 'logout') assert.deepEqual(device.record(), { out: true });
    else assert.equal(issuer.requests.at(-2).form.refresh_token, refresh);
    assert.equal(issuer.sessions[0].ended, then === 'logout' || undefined);
  }
});

test('a session that has ended is replaced, and the call to the issuer is sent again', async () => {
  const { issuer, device, app } = await both();
  issuer.sessions[0].ended = true;
  issuer.good.clear();
  assert.equal(audience(await app.auth.request({ url: account })), issuerURL);
  assert.deepEqual([device.logins, issuer.sessions.length], [2, 2]);
});

test('an issuer that refuses every refresh causes no loop', async () => {
  const { issuer, device, launch } = setUp();
  issuer.refresh = () => issuer.refuseToken('ended');
  assert.equal((await launch().auth.request({ url: account })).statusCode, 403);
  assert.ok(device.logins <= 2);
});

test('the storage of an earlier version is read, and its token is used for the APIs only', async () => {
  for (const old of [false, true]) { // the issuer that issued the token
    const { issuer, device, launch } = setUp();
    issuer.old = old;
    const token = await launch().auth.getAccessToken();
    assert.equal(device.record().issuer, undefined, 'as an earlier version writes it');
    issuer.old = false;
    const app = launch();
    assert.equal((await app.auth.request({ url: api })).data.token, 'Bearer ' + token);
    assert.equal(audience(await app.auth.request({ url: account })), issuerURL);
    assert.equal((await app.auth.request({ url: api })).data.token, 'Bearer ' + token);
    assert.deepEqual(refreshes(issuer), [issuerURL]);
  }
});

test('an earlier version can read the storage: the token for the APIs is where it was', async () => {
  const { issuer, device, app, launch } = await both();
  const { issuer: own, ...before } = device.record();
  assert.equal(claims(before.access).aud, 'https://api.test');
  assert.equal(before.refresh, 'rt.' + issuer.sessions[0].id + '.1');
  // The earlier version writes all members but the one that it does not know.
  device.stored.get('lingpai.mini').data = JSON.stringify(before);
  app.kill();
  const next = launch();
  for (const url of [api, account]) assert.equal((await next.auth.request({ url })).statusCode, 200);
  assert.ok(own.access);
  assert.deepEqual([issuer.sessions.length, issuer.thefts, refreshes(issuer).length], [1, 0, 1]);
});

test('a client that may not have a token for the issuer keeps its session', async () => {
  const { issuer, device, app } = await both();
  issuer.apart = false;
  device.ahead += 2 * hour;
  const { refresh, key } = device.record();
  assert.equal((await app.auth.request({ url: account })).statusCode, 403);
  for (const url of [account, api, account]) await app.auth.request({ url });
  const sent = issuer.requests.filter(({ path }) => path === '/token');
  assert.deepEqual(sent.map(({ form }) => form.resource), [issuerURL, undefined, undefined]);
  for (const request of sent.slice(0, 2)) assert.deepEqual([request.form.refresh_token, request.key], [refresh, key]);
  assert.deepEqual([issuer.sessions.length, device.logins, app.events], [1, 1, ['change ada']]);
});

test('an issuer of an earlier version gives one token for everything', async () => {
  const { issuer, device, launch } = setUp();
  issuer.old = true;
  const app = launch();
  for (let n = 0; n < 3; n++) {
    for (const url of [api, account]) {
      assert.deepEqual(audience(await app.auth.request({ url })), ['https://api.test', issuerURL]);
    }
    assert.equal((await app.auth.bindPhone('good' + n)).phone_number_verified, true);
  }
  assert.equal(issuer.count('refresh_token'), 1);
  assert.deepEqual([issuer.sessions.length, device.logins], [1, 1]);
});

test('a client without an API has one token, for the issuer', async () => {
  const { issuer, launch } = setUp();
  issuer.apis = [];
  const app = launch();
  assert.equal(audience(await app.auth.request({ url: account })), issuerURL);
  assert.equal((await app.auth.request({ url: account })).data.token, 'Bearer ' + await app.auth.getAccessToken());
  assert.deepEqual(refreshes(issuer), []);
});

test('without a refresh token there is one token', async () => {
  const { issuer, device, launch } = setUp();
  const { tokens } = issuer;
  issuer.tokens = (...args) => {
    const answer = tokens.apply(issuer, args);
    delete answer.data.refresh_token;
    return answer;
  };
  issuer.users.set('bob', 'a few words of his');
  const app = launch();
  for (const credentials of [undefined, { username: 'bob', password: 'a few words of his' }]) {
    await app.auth.login(credentials);
    assert.equal((await app.auth.request({ url: account })).statusCode, 403);
    assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  }
  assert.equal(device.logins, 1);
});

test('the token for the issuer is sent to no other service', async () => {
  for (const url of [issuerURL, issuerURL + '/auth']) {
    const w = setUp();
    w.issuer.url = url;
    const app = w.launch({ options: { issuer: url + '/' } });
    const seen = [];
    w.device.network = options => {
      if (options.url.startsWith(url + '/') && !options.url.includes('orders')) return w.issuer.answer(options);
      seen.push(claims(options.header.Authorization).aud);
      return json(200, {});
    };
    for (const path of ['/account/v1/me', '/account/v1/me?a=../b', '/account/v1/me#/../b']) {
      assert.equal((await app.auth.request({ url: url + path })).statusCode, 200, path);
    }
    const others = ['.evil/orders', ':8443/orders', '@evil.test/orders', 'orders', '/../orders', '/account/..\\orders',
      '/%2e%2E/orders', '/.\t./orders', '/a\\..\\orders', '?x=/account/v1/orders', '#/account/v1/orders',
      '/orders', '/api/account/v1/orders', '/accounts/v1/orders', '/account/v10/orders', '/wechat-orders', '/userinfo/orders', // an API below the issuer
    ].map(end => url + end);
    others.push('https://login.test.evil/auth/orders', 'http://login.test/auth/orders', '//login.test/auth/orders');
    others.push(`https://evil.test/?orders=${url}/account/v1/me`, `https://evil.test/orders${url}/account/v1/me`);
    for (const other of others) await app.auth.request({ url: other });
    assert.deepEqual(seen, Array(others.length).fill('https://api.test'));
  }
});
