'use strict';

// Joins src into the published file, without comments and indentation. Comments in src must be on lines of their own, so that no parser is needed. The file is in the repository, since go test uses it without npm; a test compares it with src. A copy for the demo, where DevTools would put it, is not in the repository.

const fs = require('fs');
const path = require('path');

const parts = ['errors', 'claims', 'platform', 'random', 'store', 'http', 'session', 'request', 'index'];
const root = path.join(__dirname, '..');

exports.build = () => {
  const joined = parts.map(name => {
    const body = fs.readFileSync(path.join(root, 'src', name + '.js'), 'utf8').split('\n')
      .filter(line => line && line !== "'use strict';" && !/^\s*\/\//.test(line))
      .map(line => line.trim().replace(/require\('\.\/(\w+)'\)/g, 'parts.$1').replace(/^module\.exports = /, `parts.${name} = `));
    return body.join('\n') + '\n';
  });
  return `'use strict';\n// Generated from src by scripts/build.js.\nconst parts = {};\n${joined.join('')}module.exports = parts.index;\n`;
};

exports.dist = path.join(root, 'dist', 'index.js');

const write = file => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, exports.build());
};

// Copies the package to where a mini-program in a folder looks for it.
exports.install = folder => write(path.join(folder, 'miniprogram_npm', '@lingpai', 'miniprogram', 'index.js'));

if (require.main === module) {
  write(exports.dist);
  exports.install(path.join(root, 'demo'));
}
