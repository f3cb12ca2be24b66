'use strict';

const createAuth = options => {
  const platform = require('./platform')(options.platform);
  const config = Object.assign({ scope: 'openid profile', skew: 60, timeout: 15000 }, options);
  config.english = /^en/i.test(config.language || platform.language());
  config.issuer = String(config.issuer || '').replace(/\/$/, '');
  if (!config.issuer || !config.clientId) throw new TypeError('createAuth needs issuer and clientId');

  let listeners = [];
  const emit = (event, detail) => listeners.filter(each => each.event === event).forEach(each => platform.tell(each.listener, detail));

  const http = require('./http')(config, platform);
  const random = require('./random')(platform);
  const store = require('./store')(platform, 'lingpai.' + config.clientId);
  const session = require('./session')(config, platform, http, store, random, emit);
  const request = require('./request')(config, platform, http, session);
  const call = (path, fields, key) => request(http.formPost(path, fields, key)).then(http.body);
  // A name whose registration has received no answer.
  let unsure;
  // The keys of phone codes: WeChat charges for each code that is processed.
  const keys = {};

  return {
    login: credentials => session.login(credentials),
    register: who => http.postJSON('/account/v1/users', { username: who.username, password: who.password })
      .catch(err => {
        // It was our own earlier request, if the password is right.
        if (err.code === 'username_taken' && unsure === who.username) return;
        unsure = err.retryable ? who.username : undefined;
        throw err;
      })
      .then(() => session.login(who)),
    request,
    getAccessToken: () => session.ensure(false).then(held => held.access),
    user: () => request({ url: config.issuer + '/userinfo' }).then(http.body),
    bindPhone: code => !code ? Promise.reject(http.fail('phone_declined')) : (keys[code] = keys[code] || random()).then(key => call('/wechat/phone', { code }, key)),
    logout: session.logout,
    on: (event, listener) => {
      const mine = { event, listener };
      listeners = listeners.concat(mine);
      return () => { listeners = listeners.filter(each => each !== mine); };
    },
    // For the other files of this package.
    internal: { config, platform, http, call, session },
  };
};

module.exports = Object.assign({ createAuth }, require('./errors'));
