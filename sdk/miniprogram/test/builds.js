'use strict';

// Builds the apps in the folder apps with the packed SDK, by Taro and by uni-app, and runs what was built: each must sign in and get an answer, and refuse what is no code to scan.
// It installs hundreds of megabytes, so it runs by name: .ci/long builds.

const assert = require('node:assert/strict');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { execFileSync } = require('child_process');
const { setUp } = require('./support/fixtures');

const root = path.join(__dirname, '..');
const built = { taro: 'dist/app.js', 'uni-app': 'dist/build/mp-weixin/app.js' };

// Runs a built app in this process, with the runtime of the other tests.
const run = file => {
  const { device } = setUp();
  const wx = device.wx({ alive: true });
  for (const name of ['getSystemInfoSync', 'getLaunchOptionsSync', 'getEnterOptionsSync', 'getSystemSetting', 'getDeviceInfo', 'getWindowInfo']) wx[name] = () => ({});
  for (const name of ['canIUse', 'onAppShow', 'onAppHide', 'onMemoryWarning', 'getStorageSync', 'setStorageSync']) wx[name] = () => undefined;
  for (const name of ['App', 'Page', 'Component', 'Behavior']) globalThis[name] = () => undefined;
  Object.assign(globalThis, { wx, getApp: () => ({}), getCurrentPages: () => [] });
  require(file);
};

const build = name => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lingpai-' + name + '-'));
  try {
    const within = (command, ...options) => execFileSync(command, options, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    fs.cpSync(path.join(__dirname, 'apps', name), folder, { recursive: true });
    const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }));
    within('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', './' + filename);
    within('npm', 'run', 'build');
    assert.match(within(process.execPath, __filename, path.join(folder, built[name])), /^answer 200 ada\nfailed unknown_code /m);
    console.log('ok', name);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

if (process.argv[2]) run(process.argv[2]);
else Object.keys(built).forEach(build);
