'use strict';

// Joins src into the one file that ships, without its comments. Comments have lines of their own in src, so that this needs no parser. The
// file is kept in the repository, since go test uses it without npm, and once more where DevTools would put it for the demo; a test holds
// both against src.

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

exports.files = ['dist/index.js', 'demo/miniprogram_npm/@lingpai/miniprogram/index.js'].map(file => path.join(root, file));

if (require.main === module) {
  for (const file of exports.files) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, exports.build());
  }
}
