'use strict';

// A slow storage must not look like an empty one.
const patience = 10000;

// One record under one key, so that tokens are never partly saved. Reads and writes happen in the order of their calls.
module.exports = (platform, key) => {
  const encrypted = platform.encrypts();
  let last = Promise.resolve();
  const inTurn = job => {
    const done = last.then(job);
    last = done.catch(() => {});
    return done;
  };
  // Encryption fails on some hosts that should have it, and an earlier version of the host may have written plain text.
  const plainToo = (name, options) => encrypted
    ? platform.call(name, Object.assign({ encrypt: true }, options), patience).catch(() => platform.call(name, options, patience))
    : platform.call(name, options, patience);

  return {
    read: () => inTurn(() => plainToo('getStorage', { key }).then(found => Object(JSON.parse(found.data))).catch(() => ({}))),
    write: record => inTurn(() => plainToo('setStorage', { key, data: JSON.stringify(record) })),
  };
};
