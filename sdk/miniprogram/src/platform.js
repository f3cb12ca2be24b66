'use strict';

// The host: wx, or an object with some of its functions in the same form, such as uni and Taro. Missing functions are taken from wx.
module.exports = own => {
  const base = typeof wx === 'undefined' ? {} : wx;
  const host = name => (own && typeof own[name] === 'function' ? own : base);
  const has = name => typeof host(name)[name] === 'function';

  // Calls a function of the host, which answers by callbacks, by a promise, or never, for example after a suspension.
  const call = (name, options, patience) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject({ errMsg: name + ':fail timeout' }), patience);
    const settle = end => value => {
      clearTimeout(timer);
      end(value);
    };
    const success = settle(resolve);
    const fail = settle(reject);
    try {
      const promise = host(name)[name](Object.assign({}, options, { success, fail, complete: undefined }));
      if (promise && typeof promise.then === 'function') promise.then(success, fail);
    } catch (err) {
      fail(err);
    }
  });

  // Calls a callback of the app, if there is one. The host reports its errors as unhandled rejections; they affect nothing else.
  const tell = (callback, detail) => { Promise.resolve(detail).then(callback); };

  // Resolves after some milliseconds.
  const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });

  const language = () => (has('getAppBaseInfo') ? host('getAppBaseInfo').getAppBaseInfo().language : '');

  return { call, tell, pause, has, host, language };
};
