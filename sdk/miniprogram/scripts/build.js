'use strict';

// Joins src into the published files, without comments and indentation: index, and scan and handoff for those who need them. Comments in src must be on lines of their own, so that no parser is needed. The files are in the repository, since go test uses them without npm; a test compares them with src. A copy for the demo, where DevTools would put it, is not in the repository.

const fs = require('fs');
const path = require('path');

const files = {
  index: ['errors', 'claims', 'platform', 'random', 'store', 'http', 'session', 'request', 'index'],
  scan: ['scan'],
  handoff: ['handoff'],
};
const root = path.join(__dirname, '..');

exports.names = Object.keys(files);

exports.build = file => {
  const joined = files[file].map(name => {
    const body = fs.readFileSync(path.join(root, 'src', name + '.js'), 'utf8').split('\n')
      .filter(line => line && line !== "'use strict';" && !/^\s*\/\//.test(line))
      .map(line => line.trim().replace(/require\('\.\/(\w+)'\)/g, 'parts.$1').replace(/^module\.exports = /, `parts.${name} = `));
    return body.join('\n') + '\n';
  });
  return `'use strict';\n// Generated from src.\nconst parts = {};\n${joined.join('')}module.exports = parts.${file};\n`;
};

// Returns the path of a published file.
exports.dist = file => path.join(root, 'dist', file + '.js');

const write = folder => {
  fs.mkdirSync(folder, { recursive: true });
  exports.names.forEach(file => fs.writeFileSync(path.join(folder, file + '.js'), exports.build(file)));
};

// Copies the package to where a mini-program in a folder looks for it.
exports.install = folder => write(path.join(folder, 'miniprogram_npm', '@lingpai', 'miniprogram'));

if (require.main === module) {
  write(path.join(root, 'dist'));
  exports.install(path.join(root, 'demo'));
}
