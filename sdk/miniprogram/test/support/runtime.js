'use strict';

// A mini-program's runtime: a bare JavaScript context with wx, and a device that outlives it. After an app is killed, answers no longer reach it, and its calls no longer reach the device.

const fs = require('fs');
const path = require('path');
const vm = require('vm');
const crypto = require('crypto');

const file = path.join(__dirname, '..', '..', 'dist', 'index.js');
const read = filename => new vm.Script(`(function (module) {${fs.readFileSync(filename, 'utf8')}\n})`, { filename });
const [script, scanScript, handOffScript] = [file, file.replace('index', 'scan'), file.replace('index', 'handoff')].map(read);

// Thrown by a network that frees the slot of a request without an answer, as happens around a suspension.
const silence = new Error('silence');

// WeChat runs ten requests of an app at a time; the others wait.
const tenAtATime = () => {
  let running = 0;
  const queue = [];
  return job => new Promise((resolve, reject) => {
    const run = () => {
      running++;
      Promise.resolve().then(job).then(resolve, reject).then(() => {
        running--;
        if (queue.length) queue.shift()();
      });
    };
    if (running < 10) run();
    else queue.push(run);
  });
};

// A phone: its storage, its clock, its WeChat user, and the calls that it received.
class Device {
  constructor(more) {
    this.stored = new Map();
    this.plain = []; // keys that were written without encryption
    this.version = '3.5.0';
    this.language = 'en';
    this.wechatUser = 'ada';
    this.logins = 0;
    this.scene = 1011; // how the app was opened last
    this.ahead = 0; // of the real clock, in milliseconds
    this.takes = {}; // replacements of functions of wx
    this.pause = () => undefined; // before and after each call
    this.hurry = 1; // the factor by which the timeouts of the network, of 15 s and more, are shortened
    this.frozen = undefined; // a set: timers that wait for elapse()
    this.freezes = 10000; // the shortest timers that do so
    this.network = () => Promise.reject(new Error('no network'));
    this.mint = user => Promise.resolve(`code-${user}-${crypto.randomUUID()}`);
    Object.assign(this, more);
  }

  now() {
    return Date.now() + this.ahead;
  }

  // Moves the clock of the device on, and runs the frozen timers that are due.
  elapse(ms) {
    this.ahead += ms;
    [...this.frozen].filter(timer => timer.due <= this.now()).forEach(timer => {
      this.frozen.delete(timer);
      timer.work();
    });
  }

  // Starts the app. bare: in a context of its own with only ECMAScript, wx, timers and console.
  launch({ bare, without = [], options } = {}) {
    const app = { alive: true, events: [] };
    const wx = this.wx(app);
    without.forEach(name => { delete wx[name]; });
    const device = this;
    class DeviceDate extends Date {
      static now() { return device.now(); }
    }
    const timers = new Set();
    const start = (work, after) => {
      if (!app.alive) return undefined;
      if (device.frozen && after >= device.freezes) {
        const entry = { work, after, due: device.now() + after };
        device.frozen.add(entry);
        return entry;
      }
      const timer = setTimeout(work, after < 15000 ? after : after / device.hurry);
      timers.add(timer);
      return timer;
    };
    const stop = timer => {
      if (device.frozen && device.frozen.delete(timer)) return;
      clearTimeout(timer);
      timers.delete(timer);
    };
    const globals = Object.assign({ wx, console, setTimeout: start, clearTimeout: stop }, bare ? {} : { Date: DeviceDate });
    const context = vm.createContext(globals);
    const run = part => {
      const module = {};
      part.runInContext(context)(module);
      return module.exports;
    };
    app.sdk = run(script);
    app.auth = app.sdk.createAuth(Object.assign({ issuer: 'https://login.test', clientId: 'mini', language: 'en' }, options));
    app.scan = page => run(scanScript).scan(app.auth, page);
    app.handOff = site => run(handOffScript).handOff(app.auth, site);
    app.auth.on('change', user => app.events.push(user ? 'change ' + user.sub : 'change'));
    app.auth.on('sessionLost', err => app.events.push('sessionLost ' + err.code));
    app.auth.on('sessionReplaced', ({ session_state }) => app.events.push('sessionReplaced ' + session_state));
    app.kill = () => {
      app.alive = false;
      timers.forEach(stop);
    };
    return app;
  }

  wx(app) {
    const device = this;
    const end = (options, name, answer) => [options[name], options.complete].forEach(callback => { if (app.alive && callback) callback(answer); });
    // Answers asynchronously, like the real one, and only if the app was not killed.
    const slowly = work => options => {
      if (!app.alive) return;
      const run = () => (app.alive ? (device.takes[work.name] || work)(options) : undefined);
      Promise.resolve(device.pause()).then(run).then(async answer => { await device.pause(); return answer; }).then(
        answer => end(options, 'success', Object.assign({ errMsg: work.name + ':ok' }, answer)),
        cause => cause === silence || end(options, 'fail', Object.assign({ errMsg: `${work.name}:fail ${cause.message}` }, cause.errno && { errno: cause.errno })),
      );
    };
    const inTurn = tenAtATime();
    const supportsEncryption = options => { if (options.encrypt && device.version.localeCompare('2.21.3', 'en', { numeric: true }) < 0) throw new Error('encrypt is unknown'); };
    return {
      login: slowly(async function login() {
        device.logins++;
        return { code: await device.mint(device.wechatUser) };
      }),
      request: slowly(function request(options) { return inTurn(() => device.network(options)); }),
      getStorage: slowly(async function getStorage({ key, encrypt }) {
        supportsEncryption({ encrypt });
        const found = device.stored.get(key);
        if (!found) throw new Error('data not found');
        if (found.encrypt !== !!encrypt) throw new Error('cannot read');
        return { data: found.data };
      }),
      setStorage: slowly(async function setStorage({ key, data, encrypt }) {
        supportsEncryption({ encrypt });
        if (!encrypt) device.plain.push(key);
        device.stored.set(key, { data, encrypt: !!encrypt });
      }),
      getRandomValues: slowly(async function getRandomValues({ length }) {
        return { randomValues: new Uint8Array(crypto.randomBytes(length)).buffer };
      }),
      getEnterOptionsSync: () => ({ scene: device.scene }),
      getLaunchOptionsSync: () => ({ scene: 1001 }),
      getAppBaseInfo: () => ({ SDKVersion: device.version, language: device.language }),
    };
  }

  record() {
    const found = this.stored.get('lingpai.mini');
    return found && JSON.parse(found.data);
  }
}

exports.Device = Device;
exports.silence = silence;
exports.file = file;
