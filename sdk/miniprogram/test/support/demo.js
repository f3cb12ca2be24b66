'use strict';

// The demo, built according to its README but in a folder of the test, and run like in WeChat, without a screen.

const fs = require('fs');
const os = require('os');
const path = require('path');
const vm = require('vm');
const { Device } = require('./runtime');
const { install } = require('../../scripts/build');

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lingpai-demo-'));
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }));
fs.cpSync(path.join(__dirname, '..', '..', 'demo'), root, { recursive: true });
install(root);

class Phone extends Device {
  // Starts the demo with a configuration, and returns one of its pages.
  start(config, name = 'index') {
    const life = { alive: true };
    const phone = this;
    class PhoneDate extends Date {
      static now() { return phone.now(); }
    }
    let app;
    let page;
    const context = vm.createContext({
      wx: this.wx(life), console, setTimeout, clearTimeout, Date: PhoneDate,
      App: given => { app = given; }, getApp: () => app, Page: given => { page = given; },
    });
    const fileOf = required => {
      if (required.startsWith('.')) return required + '.js';
      return required.split('/').length > 2 ? `miniprogram_npm/${required}.js` : `miniprogram_npm/${required}/index.js`;
    };
    const load = file => {
      const module = { exports: {} };
      vm.runInContext(`(function (module, exports, require) {${fs.readFileSync(path.join(root, file), 'utf8')}\n})`, context)(module, module.exports,
        required => (required === './config' ? config : load(fileOf(required))));
      return module.exports;
    };
    load('app.js');
    load(`pages/${name}/${name}.js`);
    page.data = Object.assign({}, page.data);
    page.setData = more => Object.assign(page.data, more);
    page.kill = () => { life.alive = false; };
    page.auth = app.auth;
    return page;
  }
}

exports.Phone = Phone;

// Returns a file of the demo.
exports.read = name => fs.readFileSync(path.join(root, name), 'utf8');
