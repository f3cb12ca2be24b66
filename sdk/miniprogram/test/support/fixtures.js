'use strict';

const { Device } = require('./runtime');
const { Issuer } = require('./issuer');

// setUp returns a device whose network leads to an issuer.
exports.setUp = (more = {}) => {
  const issuer = new Issuer();
  const device = new Device(Object.assign({ network: options => issuer.answer(options) }, more));
  return { issuer, device, launch: options => device.launch(options) };
};

exports.api = 'https://api.test/orders';
exports.hour = 3600 * 1000;

// fails waits for a rejection and returns it.
exports.fails = promise => promise.then(value => { throw new Error('did not fail but gave ' + JSON.stringify(value)); }, err => err);

// turn waits until all pending callbacks have run.
exports.turn = () => new Promise(resolve => setTimeout(resolve, 5));

// gate returns a promise that the test resolves.
exports.gate = () => {
  let open;
  const opened = new Promise(resolve => { open = resolve; });
  return { opened, open };
};
