'use strict';

// The host: wx, or an object with some of its functions in the same form, such as uni and Taro. Missing functions are taken from wx.
module.exports = own => {
  const base = typeof wx === 'undefined' ? {} : wx;
  const host = name => (own && typeof own[name] === 'function' ? own : base);
  const has = name => typeof host(name)[name] === 'function';

  // Calls a function of the host, which answers by callbacks, by a promise, or never, for example after a suspension.
  const call = (name, options, patience) => new Promise((resolve, reject) => {
    const timer = typeof setTimeout === 'function' && setTimeout(() => reject({ errMsg: name + ':fail timeout' }), patience);
    const settle = end => value => {
      if (timer) clearTimeout(timer);
      end(value);
    };
    const success = settle(resolve);
    const fail = settle(reject);
    try {
      const promise = host(name)[name](Object.assign({}, options, { success, fail }));
      if (promise && typeof promise.then === 'function') promise.then(success, fail);
    } catch (err) {
      fail(err);
    }
  });

  // Resolves after some milliseconds, and at once on a host without timers.
  const pause = ms => new Promise(resolve => (typeof setTimeout === 'function' ? setTimeout(resolve, ms) : resolve()));

  const about = of => {
    try {
      return of.getAppBaseInfo ? of.getAppBaseInfo() : of.getSystemInfoSync();
    } catch (err) {
      return {};
    }
  };

  // WeChat's storage can encrypt data since base library 2.21.3.
  const encrypts = () => {
    const version = String(about(host('setStorage')).SDKVersion).split('.');
    return version.reduce((sum, part) => sum * 1000 + Number(part), 0) >= 2021003;
  };

  return { call, pause, has, host, encrypts, language: () => about(host(has('getAppBaseInfo') ? 'getAppBaseInfo' : 'getSystemInfoSync')).language };
};
