'use strict';

// Joins src into the one file that ships, without its comments. Comments have lines of their own in src, so that
// this needs no parser. The file is kept in the repository, since go test uses it without npm; a test holds it
// against src. Where DevTools would put it for the demo there is a copy, which is not kept.

const fs = require('fs');
const path = require('path');

const parts = ['errors', 'claims', 'platform', 'random', 'store', 'http', 'session', 'request', 'index'];
const root = path.join(__dirname, '..');

exports.build = () => {
  const joined = parts.map(name => {
    const body = fs.readFileSync(path.join(root, 'src', name + '.js'), 'utf8').split('\n')
      .filter(line => line && line !== "'use strict';" && !/^\s*\/\//.test(line))
      .map(line => line.replace(/require\('\.\/(\w+)'\)/g, 'parts.$1').replace(/^module\.exports = /, 'return '));
    return `parts.${name} = (() => {\n${body.join('\n')}\n})();\n`;
  });
  return `'use strict';\n// Made of src by scripts/build.js.\nconst parts = {};\n${joined.join('')}module.exports = parts.index;\n`;
};

exports.dist = path.join(root, 'dist', 'index.js');

const write = file => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, exports.build());
};

// Puts the package where a mini-program in a folder looks for it.
exports.install = folder => write(path.join(folder, 'miniprogram_npm', '@lingpai', 'miniprogram', 'index.js'));

if (require.main === module) {
  write(exports.dist);
  exports.install(path.join(root, 'demo'));
}
