'use strict';

// In milliseconds. A slow storage must not look like an empty one; one that has not answered is only asked briefly, until a call succeeds.
const usual = 3000;
const brief = 300;

// One record under one key, so that tokens are never partly saved. Reads and writes happen in the order of their calls.
module.exports = (platform, key) => {
  let patience = usual;
  let last = Promise.resolve();
  const inTurn = job => {
    const done = last.then(job);
    last = done.catch(() => {});
    return done;
  };
  const call = (name, options, use) => platform.call(name, options, patience).then(answer => {
    patience = usual;
    return use(answer);
  }, cause => {
    if (/fail timeout/.test(cause.errMsg)) patience = brief;
    throw cause;
  });
  // WeChat's storage can encrypt data since base library 2.21.3. Other hosts ignore or reject the option, and some read rubbish of plain text, which an earlier version of the host may have written.
  const plainToo = (name, options, use) => call(name, Object.assign({ encrypt: true }, options), use).catch(() => call(name, options, use));

  return {
    read: () => inTurn(() => plainToo('getStorage', { key }, found => Object(JSON.parse(found.data))).catch(() => ({}))),
    write: record => inTurn(() => plainToo('setStorage', { key, data: JSON.stringify(record) }, () => {})),
  };
};
