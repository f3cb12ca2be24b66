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
exports.account = 'https://login.test/account/v1/me'; // needs a token for the issuer
exports.hour = 3600 * 1000;

// fails waits for a rejection and returns it.
exports.fails = promise => promise.then(value => { throw new Error('did not fail but gave ' + JSON.stringify(value)); }, err => err);

// turn waits until all pending callbacks have run.
exports.turn = () => new Promise(resolve => setTimeout(resolve, 5));

// gate returns a promise that the test resolves. As a plan of an issuer, hold keeps the response back until then.
exports.gate = () => {
  let open;
  const opened = new Promise(resolve => { open = resolve; });
  const hold = async answer => { const given = await answer(); await opened; return given; };
  return { opened, open, hold };
};

// pair returns two apps with one storage, which have signed in, and whose access token is old.
exports.pair = async (w = exports.setUp()) => {
  [w.one, w.two] = [w.launch(), w.launch()];
  await w.one.auth.getAccessToken();
  await w.two.auth.getAccessToken();
  w.device.ahead += 2 * exports.hour;
  return w;
};

// overtaken returns a pair whose second app has sent a refresh; the response arrives when the test calls arrive.
exports.overtaken = async (response = answer => answer()) => {
  const w = await exports.pair();
  const slow = exports.gate();
  w.issuer.plan.push(answer => slow.hold(() => response(answer)));
  w.late = w.two.auth.getAccessToken();
  await exports.turn();
  w.arrive = slow.open;
  return w;
};
