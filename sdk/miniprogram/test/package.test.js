'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { execFileSync, spawnSync } = require('child_process');
const { setUp, api } = require('./support/fixtures');
const { build, dist, names } = require('../scripts/build');

const root = path.join(__dirname, '..');
const files = names.map(name => fs.readFileSync(dist(name), 'utf8'));
const shipped = files.join('\n');
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

test('dist is generated from src', () => {
  names.forEach((name, n) => assert.equal(files[n], build(name), 'run: npm run build'));
});

// The zlib of Node needs about 50 bytes more for index.js than gzip -9, whose limit is 6656.
test('is at most 6.5 KB gzipped, the file for scans 1.35 KB, and the one for web-views 0.75 KB', () => {
  assert.deepEqual(fs.readdirSync(path.join(root, manifest.miniprogram)), ['handoff.js', 'index.js', 'scan.js']);
  const sizes = files.map(file => zlib.gzipSync(file, { level: 9 }).length);
  console.log(`${sizes.join(', ')} bytes gzipped`);
  assert.ok(sizes[0] <= 6656 + 50 && sizes[1] <= 1382 && sizes[2] <= 768, String(sizes));
});

// Node and bundlers find the other files in the root of the package, and DevTools in dist.
test('npm packs all files, and those besides the first have types and names of their own', t => {
  const { error, stdout } = spawnSync('npm', ['pack', '--json', '--dry-run', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
  if (error) return t.skip('npm is not installed');
  const [{ files: packed }] = JSON.parse(stdout);
  assert.deepEqual(packed.map(each => each.path).sort(), [
    'LICENSE', 'README.md', 'README.zh-CN.md', 'dist/handoff.js', 'dist/index.js', 'dist/scan.js', 'handoff.d.ts', 'handoff.js', 'index.d.ts', 'package.json', 'scan.d.ts', 'scan.js',
  ]);
  assert.equal(require('../scan').scan, require(dist('scan')).scan);
  assert.equal(require('../handoff').handOff, require(dist('handoff')).handOff);
});

test('has the fields that DevTools and Node look for, and no dependencies', () => {
  assert.equal(manifest.main, 'dist/index.js');
  assert.equal(manifest.miniprogram, 'dist');
  assert.ok(fs.existsSync(path.join(root, manifest.types)));
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.peerDependencies, undefined);
});

// npm packs the LICENSE of the package's own folder, and no other.
test('contains the license', () => {
  assert.equal(fs.readFileSync(path.join(root, 'LICENSE'), 'utf8'), fs.readFileSync(path.join(root, '../../LICENSE'), 'utf8'));
});

test('runs in a bare context that has nothing but wx and timers', async () => {
  const { device, launch } = setUp();
  const app = launch({ bare: true });
  assert.equal((await app.auth.request({ url: api })).statusCode, 200);
  assert.equal((await app.auth.user()).nickname, '小明');
  await app.auth.logout();
  assert.equal((await app.auth.login()).sub, 'ada');
  assert.equal(device.logins, 2);
});

test('uses nothing that the runtime lacks', () => {
  const code = shipped.replace(/'[^']*'/g, "''");
  assert.doesNotMatch(code, /\b(window|document|fetch|XMLHttpRequest|URL|URLSearchParams|TextEncoder|TextDecoder|atob|btoa|crypto|Buffer|process|require|eval|Function|globalThis|Proxy|Intl|localStorage|Math\.random)\b/);
});

// Profiles are requested when the user taps a button of the app, never at its start.
test('does not request a profile', () => {
  assert.doesNotMatch(shipped, /getUserProfile|getUserInfo|getPhoneNumber|authorize\(/);
});

// Features after ES2015 may be missing on an old phone. This test searches for keywords of later versions in the code without strings; with the development dependencies, the test below uses a parser.
test('uses conservative syntax', () => {
  const unquoted = shipped.replace(/'(\\.|[^'\\])*'/g, "''");
  const expressions = /\/(\\.|[^/\\\n ])+\/[a-z]*/g;
  const code = unquoted.replace(expressions, 'x');
  for (const [name, pattern] of Object.entries({
    'optional chaining': /\?\.[^0-9]/, 'nullish ??': /\?\?/, 'private names': /#\w/, BigInt: /\b\d+n\b/, 'async or await': /\b(async|await)\b/,
    'object spread or rest': /\.\.\./, exponent: /\*\*/, class: /\bclass\b/, 'catch without a name': /catch\s*\{/, 'import or export': /\b(import|export)\b/,
    'logical assignment': /(&&|\|\||\?\?)=/, generators: /function\s*\*/, 'finally of promises': /\.finally\b/, 'Object.entries': /Object\.(entries|values|fromEntries)\b/,
    'padStart, includes, flat': /\.(padStart|padEnd|includes|flat|flatMap|at|allSettled|any|matchAll|replaceAll)\(/,
  })) assert.doesNotMatch(code, pattern, name);
  for (const literal of unquoted.match(expressions)) assert.doesNotMatch(literal, /\(\?<|\/[a-z]*[suvy][a-z]*$/, 'regular expressions: ' + literal);
});

const installed = name => {
  try {
    return require.resolve(name, { paths: [process.env.SDK_MODULES || root] });
  } catch (err) {
    return undefined;
  }
};

test('an ES2015 parser accepts it', { skip: !installed('acorn') && 'acorn is not installed' }, () => {
  for (const file of files) require(installed('acorn')).parse(file, { ecmaVersion: 2015, sourceType: 'script' });
});

const compile = (file, types) => {
  const modules = path.dirname(path.dirname(installed('typescript/package.json')));
  const options = ['--noEmit', '--strict', '--target', 'es2017', '--lib', 'es2017', '--module', 'commonjs', '--typeRoots', modules, '--types', types];
  execFileSync(process.execPath, [path.join(modules, 'typescript', 'bin', 'tsc'), ...options, path.join(__dirname, file)], { stdio: 'inherit' });
};
const needs = name => ({ skip: !installed(name + '/package.json') && name + ' is not installed' });

test('the types compile', needs('typescript'), () => compile('types.ts', ''));

test("the types are accepted by WeChat's own", needs('miniprogram-api-typings'), () => compile('types-wx.ts', 'miniprogram-api-typings'));

test('the two READMEs are equal', () => {
  const read = name => fs.readFileSync(path.join(root, name), 'utf8');
  const [english, chinese] = ['README.md', 'README.zh-CN.md'].map(read);
  for (const pattern of [/^#+ /gm, /^```\w*$/gm, /`[a-zA-Z_.]+\(?[^`]*`/g]) {
    assert.deepEqual((english.match(pattern) || []).sort(), (chinese.match(pattern) || []).sort());
  }
});
