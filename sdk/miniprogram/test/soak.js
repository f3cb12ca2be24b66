'use strict';

// Simulated use of an app with a real issuer, on a network that drops, delays and repeats requests, and on phones that kill the app at any moment.
// No user may lose their session, and no call may hang. The issuer has no grace period for used refresh tokens, so that only idempotency keys help.

const assert = require('node:assert/strict');
const { Device, silence } = require('./support/runtime');
const { send, server, mint, claims } = require('./support/server');

const wanted = Number(process.env.REFRESHES || 5000);
const lives = Number(process.env.LIVES || 50);
const seed = Number(process.env.SEED || Date.now() % 1e9);
const patience = 20000; // far beyond what a call may take here
const told = { refreshes: 0, requests: 0, calls: 0, answered: 0, kills: 0, faults: 0, replays: 0 };

// Mulberry32: the same seed makes the same choices, but not the same timing.
let state = seed;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const chance = share => random() < share;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const api = 'https://api.test/';

class Life {
  constructor(n) {
    this.name = `soak-${seed}-${n}`;
    this.inFlight = new Set();
    this.seen = new Set(); // refresh tokens that the issuer gave
    this.smooth = false;
    this.trace = []; // for debugging a failure
    this.device = new Device({
      wechatUser: this.name, hurry: 100, mint, network: options => this.network(options),
      pause: () => this.pause(),
    });
  }

  // Called before and after each call of wx, where the app may be killed. It counts calls instead of time, so that the test also works on a slow machine.
  pause() {
    if (this.fuse && --this.fuse === 0) this.kill();
    return this.smooth || chance(0.7) ? undefined : sleep(random() * 4);
  }

  kill() {
    told.kills++;
    this.fuse = 0;
    this.app.kill();
    this.app.die();
    this.app = undefined;
  }

  // Like a real one, no request stays in the network for hours.
  async network(options) {
    if (options.url === api) return this.service(options);
    const sent = this.send(options);
    const done = sent.catch(() => {}).then(() => this.inFlight.delete(done));
    this.inFlight.add(done);
    return this.smooth ? sent : this.spoil(sent, options);
  }

  async send(options) {
    const before = this.smooth ? 0 : random();
    if (before > 0.85) {
      told.faults++;
      throw new Error('fail, not sent');
    }
    if (before > 0.7) await sleep(random() * 30);
    told.requests++;
    const twins = [send(options)];
    if (!this.smooth && options.url.endsWith('/token') && chance(0.1)) { // a proxy that sends again
      told.faults++;
      twins.push(sleep(random() * 10).then(() => send(options)));
    }
    const answers = await Promise.all(twins);
    if (options.url.endsWith('/token')) this.trace.push(...answers.map(({ statusCode, data }) => ({ asked: `${options.data} ${options.header['Idempotency-Key']}`, statusCode, answered: data.refresh_token || data.error})));
    for (const { data } of answers) if (data && data.refresh_token) this.note(data.refresh_token);
    return answers[Math.floor(random() * answers.length)];
  }

  async spoil(sent) {
    const fate = random();
    if (fate < 0.12) { // the app gets an error, before or after the issuer has processed the request
      told.faults++;
      if (chance(0.5)) await sent;
      throw new Error('fail interrupted');
    }
    if (fate < 0.17) { // no answer at all, as after a suspension
      told.faults++;
      throw silence;
    }
    if (fate < 0.19) { // an error of a proxy, although the issuer has processed the request
      told.faults++;
      await sent;
      return { statusCode: 502, header: {}, data: '<html>Bad Gateway</html>' };
    }
    const answer = await sent;
    if (fate < 0.4) await sleep(random() * 30);
    return answer;
  }

  // A service that sometimes rejects a token before it expires, but not while an abandoned request is still in flight: a request that is overtaken by two refreshes needs the grace period, which this issuer does not have.
  service({ header }) {
    const token = header.Authorization.replace('Bearer ', '');
    if (!this.smooth && !this.inFlight.size && chance(0.2)) {
      told.replays++;
      return { statusCode: 401, header: {}, data: '' };
    }
    this.check(token);
    return { statusCode: 200, header: {}, data: token };
  }

  note(refreshToken) {
    if (!this.seen.has(refreshToken) && this.seen.size) told.refreshes++;
    this.seen.add(refreshToken);
  }

  // Every token belongs to the session of the first sign-in.
  check(token) {
    const { sid, sub } = claims(token);
    this.session = this.session || sid;
    this.sub = this.sub || sub;
    if (sid !== this.session) console.error(this.trace.slice(-12));
    assert.equal(sid, this.session, `${this.name} lost its session`);
    assert.equal(sub, this.sub);
  }

  launch() {
    this.app = this.device.launch({ options: { issuer: server.issuer, clientId: server.clientId, scope: 'openid profile account' } });
    this.app.auth.on('sessionLost', () => { this.lost = true; });
  }

  // A call, which must settle unless its app is killed.
  async call(app) {
    told.calls++;
    const { auth } = app;
    const at = path => () => auth.request({ url: server.issuer + path });
    const work = [() => auth.request({ url: api, method: 'POST', data: 'body' }), () => auth.getAccessToken(), at('/userinfo'), at('/account/v1/sessions')];
    let timer;
    const hangs = new Promise(resolve => { timer = setTimeout(resolve, patience, 'hangs'); });
    const settled = work[Math.floor(random() * 4)]().then(answer => {
      told.answered++;
      if (typeof answer === 'string') this.check(answer);
      else if (answer.data && ['invalid_token', 'insufficient_scope'].includes(answer.data.error)) assert.fail(`${this.name} has a token that its issuer refuses`);
    }, err => {
      assert.ok(err.retryable, `${this.name}: ${err.code} ${err.status} ${err.description}`);
    });
    const end = await Promise.race([settled, app.death, hangs]);
    clearTimeout(timer);
    assert.notEqual(end, 'hangs', `${this.name}: a call hangs`);
  }

  async step() {
    if (!this.app) {
      this.launch();
      this.app.death = new Promise(resolve => { this.app.die = resolve; });
    }
    const { app } = this;
    const calls = Promise.all(Array.from({ length: 1 + Math.floor(random() * 4) }, () => this.call(app)));
    if (chance(0.3)) this.fuse = 1 + Math.floor(random() * 40);
    await calls;
    if (this.fuse) this.kill();
    assert.ok(!this.lost, `${this.name} was told that its session is lost`);
    if (chance(0.7)) { // hours or days go by, or the clock is set back
      await Promise.all(this.inFlight);
      this.device.ahead += 3600 * 1000 * (1 + random() * (chance(0.1) ? 100 : 1)) * (chance(0.05) ? -1 : 1);
    }
  }

  async live() {
    while (told.refreshes < wanted) await this.step();
    await this.end();
  }

  // On a good network every user is still signed in, with their only session.
  async end() {
    await Promise.all(this.inFlight);
    if (this.app) this.app.kill();
    this.smooth = true;
    this.device.hurry = 1;
    this.launch();
    assert.equal((await this.app.auth.request({ url: api })).statusCode, 200);
    assert.equal((await this.app.auth.user()).sub, this.sub);
    const { data } = await this.app.auth.request({ url: server.issuer + '/account/v1/sessions' });
    assert.deepEqual(data.sessions.map(session => session.id), [this.session], `${this.name} has another session`);
  }
}

const began = Date.now();
Promise.all(Array.from({ length: lives }, (_, n) => new Life(n).live())).then(() => {
  console.log(JSON.stringify(Object.assign({ seed, lives, seconds: Math.round((Date.now() - began) / 100) / 10 }, told)));
  process.exit(0);
}, err => {
  console.error(`seed ${seed}, after ${JSON.stringify(told)}:`, err);
  process.exit(1);
});
