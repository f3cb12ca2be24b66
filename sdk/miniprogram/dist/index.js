'use strict';
// Generated from src by scripts/build.js.
const parts = {};
parts.errors = (() => {
const messages = {
  network: ['网络不可用，请稍后重试', 'The network is not available. Try again later.'],
  invalid_response: ['服务器的响应无法识别，请稍后重试', 'The response of the server could not be read. Try again later.'],
  temporarily_unavailable: ['服务繁忙，请稍后重试', 'The service is busy. Try again later.'],
  server_error: ['服务器出错，请稍后重试', 'Something went wrong on the server. Try again later.'],
  login_failed: ['微信登录失败，请稍后重试', 'WeChat returned no login code. Try again later.'],
  invalid_grant: ['凭据无效或已过期', 'The credentials were refused or have expired.'],
  signed_out: ['尚未登录', 'Not signed in.'],
  session_lost: ['登录已失效，请重新登录', 'The session has ended. Sign in again.'],
  user_changed: ['登录的用户已改变，请求未发送', 'Another user has signed in. The request was not sent.'],
  username_taken: ['用户名已被占用', 'The user name is taken.'],
  weak_password: ['密码太短或太常见', 'The password is too short or too common.'],
  over_budget: ['本月手机号验证次数已用完', 'No more phone numbers can be verified this month.'],
};
const other = ['请求被拒绝', 'The request was refused.'];
function AuthError(code, language, more) {
  const text = messages[code] || other;
  this.name = 'AuthError';
  this.code = code;
  this.message = text[language === 'en' ? 1 : 0];
  this.status = 0;
  this.retryable = false;
  Object.assign(this, more);
  this.stack = new Error(code).stack;
}
AuthError.prototype = Object.create(Error.prototype, { constructor: { value: AuthError } });
return { AuthError, messages };
})();
parts.claims = (() => {
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
return token => {
  try {
    let bits = 0;
    let size = 0;
    const text = String(token).split('.')[1].replace(/./g, digit => {
      bits = (bits << 6) | digits.indexOf(digit);
      size += 6;
      if (size < 8) return '';
      size -= 8;
      return '%' + (((bits >> size) & 255) + 256).toString(16).slice(1);
    });
    return Object(JSON.parse(decodeURIComponent(text)));
  } catch (err) {
    return {};
  }
};
})();
parts.platform = (() => {
return own => {
  const base = typeof wx === 'undefined' ? {} : wx;
  const host = name => (own && typeof own[name] === 'function' ? own : base);
  const has = name => typeof host(name)[name] === 'function';
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
  const pause = ms => new Promise(resolve => (typeof setTimeout === 'function' ? setTimeout(resolve, ms) : resolve()));
  const about = of => {
    try {
      return of.getAppBaseInfo ? of.getAppBaseInfo() : of.getSystemInfoSync();
    } catch (err) {
      return {};
    }
  };
  const encrypts = () => {
    const version = String(about(host('setStorage')).SDKVersion).split('.');
    return version.reduce((sum, part) => sum * 1000 + Number(part), 0) >= 2021003;
  };
  return { call, pause, has, host, encrypts, language: () => about(host(has('getAppBaseInfo') ? 'getAppBaseInfo' : 'getSystemInfoSync')).language };
};
})();
parts.random = (() => {
return platform => {
  const draw = () => {
    const bytes = platform.has('getRandomValues')
      ? platform.call('getRandomValues', { length: 16 }, 2000).then(answer => answer.randomValues)
      : new Promise(resolve => resolve(platform.host('random').random(16)));
    return bytes.then(given => {
      const text = Array.from(new Uint8Array(given), byte => (byte + 256).toString(16).slice(1)).join('');
      return text.length < 32 ? '' : text.slice(0, 32);
    }).catch(() => '');
  };
  let first;
  return () => Promise.all([first || (first = draw()), draw()]).then(drawn => (drawn[0] === drawn[1] ? '' : drawn[1]));
};
})();
parts.store = (() => {
const patience = 10000;
return (platform, key) => {
  const encrypted = platform.encrypts();
  let last = Promise.resolve();
  const inTurn = job => {
    const done = last.then(job);
    last = done.catch(() => {});
    return done;
  };
  const plainToo = (name, options) => encrypted
    ? platform.call(name, Object.assign({ encrypt: true }, options), patience).catch(() => platform.call(name, options, patience))
    : platform.call(name, options, patience);
  return {
    read: () => inTurn(() => plainToo('getStorage', { key }).then(found => Object(JSON.parse(found.data))).catch(() => ({}))),
    write: record => inTurn(() => plainToo('setStorage', { key, data: JSON.stringify(record) })),
  };
};
})();
parts.http = (() => {
const errors = parts.errors;
const form = fields => Object.keys(fields).filter(name => fields[name]).map(name => name + '=' + encodeURIComponent(fields[name])).join('&');
const parsed = data => {
  try {
    return Object(typeof data === 'string' ? JSON.parse(data) : data);
  } catch (err) {
    return {};
  }
};
const header = (answer, name) => {
  const all = answer.header || {};
  return String(all[Object.keys(all).filter(each => each.toLowerCase() === name)[0]] || '');
};
return (config, platform) => {
  const fail = (code, more) => new errors.AuthError(code, config.language, more);
  const send = options => platform.call('request', options, (options.timeout || 60000) + 5000).catch(cause => {
    throw fail('network', { retryable: true, cause });
  });
  const body = answer => {
    const data = parsed(answer.data);
    const status = answer.statusCode;
    if (status >= 200 && status < 300) return data;
    const busy = status === 429 || status >= 500;
    throw fail(data.error || (busy ? 'temporarily_unavailable' : 'invalid_response'), {
      status,
      retryable: busy || !data.error,
      retryAfter: Number(header(answer, 'retry-after')) || 0,
      wechat_errcode: data.wechat_errcode,
      description: data.error_description,
      request_id: data.request_id,
      session_state: data.session_state,
    });
  };
  const post = (path, header, data) => send({ url: config.issuer + path, method: 'POST', header, data, timeout: config.timeout }).then(body);
  const postJSON = (path, members) => post(path, { 'content-type': 'application/json' }, JSON.stringify(Object.assign({ client_id: config.clientId }, members)));
  const formHeader = key => Object.assign({ 'content-type': 'application/x-www-form-urlencoded' }, key && { 'Idempotency-Key': key });
  const postForm = (path, fields, key) => post(path, formHeader(key), form(Object.assign({ client_id: config.clientId }, fields)));
  return { fail, send, body, header, form, formHeader, parsed, postJSON, postForm };
};
})();
parts.session = (() => {
const claims = parts.claims;
const youth = 60000;
const delay = 10000;
return (config, platform, http, store, random, emit) => {
  let record;
  let loading;
  let renewing = {};
  let signing;
  let unsaved = false;
  const refused = {};
  let pause = {};
  let logouts = 0;
  const load = () => loading || (loading = store.read().then(found => { record = found; }));
  const save = members => {
    const next = Object.assign({ revoke: record.revoke }, members);
    record = next;
    unsaved = true;
    return store.write(next).then(() => { unsaved = unsaved && record !== next; }, () => {});
  };
  const update = members => save(Object.assign({}, record, members));
  const isNewerThan = (token, limit) => {
    const age = Date.now() - token.got;
    return age >= 0 && age < limit;
  };
  const lives = (token, early) => !refused[token.access] && isNewerThan(token, token.ttl - early);
  const targetOf = own => {
    const about = own && record.refresh ? claims(record.access) : {};
    return String(about.aud) === about.iss ? undefined : about.iss;
  };
  const chosen = own => (targetOf(own) ? record.issuer || {} : record);
  const fresh = own => lives(chosen(own), Math.min(config.skew * 1000, chosen(own).ttl / 2));
  const revoke = token => http.postForm('/revoke', { token });
  const settle = () => Promise.all((record.revoke || []).map(token => revoke(token).then(() => token, err => !err.retryable && token))).then(told => {
    const left = (record.revoke || []).filter(token => told.indexOf(token) < 0);
    return told.length ? update({ revoke: left.length ? left : undefined }) : undefined;
  });
  const ask = (fields, key) => http.postForm('/token', fields, key).then(answer => {
    const token = { access: answer.access_token, got: Date.now(), ttl: (answer.expires_in || 300) * 1000 };
    const sub = claims(token.access).sub;
    if (!sub) throw http.fail('invalid_response', { retryable: true });
    return random().then(next => ({
      user: Object.assign(claims(answer.id_token), { sub }),
      token,
      session: { refresh: answer.refresh_token, key: next || undefined },
    }));
  });
  const lose = cause => {
    const about = cause && { status: cause.status, wechat_errcode: cause.wechat_errcode, request_id: cause.request_id };
    const err = http.fail('session_lost', Object.assign({}, record.lost, about));
    return save({ out: true }).then(() => {
      emit('sessionLost', err);
      emit('change', null);
      throw err;
    });
  };
  const trade = pending => ask({ grant_type: 'wechat_code', code: pending.code, scope: config.scope, appid: config.appid }, pending.key)
    .catch(err => {
      if (err.retryable || (record.pending || {}).key !== pending.key) throw err;
      return update({ pending: undefined }).then(() => { throw err; });
    });
  const freshCode = began => platform.call('login', { timeout: config.timeout }, config.timeout + 5000)
    .then(answer => answer.code || Promise.reject(answer))
    .catch(cause => { throw http.fail('login_failed', { retryable: true, cause }); })
    .then(code => random().then(key => reload().then(() => {
      if (began !== logouts) throw http.fail('signed_out');
      const mine = { code, key };
      const stored = key && !record.pending ? update({ pending: mine }).then(reload) : Promise.resolve();
      return stored.then(() => trade(record.pending || mine));
    })));
  const byCode = began => !record.pending ? freshCode(began) : trade(record.pending).catch(err => {
    if (err.code === 'invalid_grant') return freshCode(began);
    throw err;
  });
  const signIn = (credentials, expected, began) => {
    const asked = credentials
      ? ask({ grant_type: 'password', username: credentials.username, password: credentials.password, scope: config.scope })
      : byCode(began);
    return asked.then(({ user, session, token }) => {
      const stranger = expected && user.sub !== expected;
      if (began !== logouts || stranger) revoke(session.refresh || token.access).catch(() => {});
      if (began !== logouts) throw http.fail('signed_out');
      if (stranger) return lose();
      const lost = record.sub === user.sub && record.lost;
      return save(Object.assign({ sub: user.sub, method: credentials ? 'password' : 'wechat_code' }, session, token)).then(() => {
        if (lost) emit('sessionReplaced', lost);
        if (!expected) emit('change', user);
        return user;
      });
    }, err => {
      if (expected && began === logouts && err.code === 'invalid_grant') return lose(err);
      throw err;
    });
  };
  const login = (credentials, silent) => {
    const what = credentials ? JSON.stringify([credentials.username, credentials.password]) : '';
    if (signing && signing.what === what) {
      signing.silent = signing.silent && silent;
      return signing.promise;
    }
    const began = logouts;
    const before = signing ? signing.promise.catch(() => {}) : load();
    const mine = { what, silent };
    const end = () => { if (signing === mine) signing = undefined; };
    mine.promise = before.then(settle).then(() => {
      if (began !== logouts || (mine.silent && record.out)) throw http.fail('signed_out');
      return mine.silent && fresh() ? undefined : signIn(credentials, mine.silent && record.sub, began);
    });
    mine.promise.then(end, end);
    signing = mine;
    return mine.promise;
  };
  const reload = () => {
    const before = record;
    return unsaved ? Promise.resolve() : store.read().then(found => {
      if (record === before && (found.out || found.sub || found.pending)) record = found;
    });
  };
  const prepare = () => {
    const held = record;
    return Promise.resolve(held.key === undefined ? random() : held.key).then(key => {
      if (record === held && (unsaved || key !== held.key)) return update({ key }).then(reload);
    });
  };
  const replace = err => {
    const state = err.session_state === 'ended' ? 'ended' : 'unknown';
    const revoke = state === 'ended' ? record.revoke : (record.revoke || []).concat(record.refresh);
    const lost = { status: err.status, session_state: state, request_id: err.request_id };
    return save({ sub: record.sub, method: record.method, pending: record.pending, lost, revoke });
  };
  const refresh = own => {
    const held = record;
    const target = targetOf(own);
    const exchange = resource => ask({ grant_type: 'refresh_token', refresh_token: held.refresh, resource }, held.key);
    return exchange(target)
      .catch(err => (err.code === 'invalid_target' ? exchange() : Promise.reject(err)))
      .then(({ session, token }) => () => update(Object.assign(session, target ? { issuer: token } : token)), err => () => {
        if (err.code !== 'invalid_grant' || err.status !== 400) throw err;
        return replace(err).then(() => advance(own));
      })
      .then(conclude => reload().then(() => (record.refresh === held.refresh ? conclude() : advance(own))));
  };
  const advance = own => reload().then(() => {
    if (record.out || fresh(own)) return undefined;
    if (!record.refresh && record.method !== 'password') return login(undefined, true);
    return settle().then(() => {
      if (record.out || fresh(own)) return undefined;
      return record.refresh ? prepare().then(() => (record.refresh ? refresh(own) : advance(own))) : lose();
    });
  });
  const renew = own => {
    const turns = renewing;
    if (!turns[own]) {
      const end = () => { delete turns[own]; };
      turns[own] = Promise.resolve(turns[!own]).catch(() => {}).then(() => advance(own));
      turns[own].then(end, end);
    }
    return turns[own];
  };
  const ensure = (own, again) => load().then(() => {
    const held = () => Object.assign({}, record, chosen(own));
    if (fresh(own)) return held();
    return (record.out && signing ? signing.promise : renew(own)).then(() => {
      if (!record.access) throw http.fail('signed_out');
      return chosen(own).access || again ? held() : ensure(own, true);
    }, err => {
      if (err.retryable && lives(chosen(own), 0)) return held();
      throw err;
    });
  });
  const logout = () => load().then(() => {
    const token = record.refresh || record.access;
    logouts++;
    renewing = {};
    signing = undefined;
    return save({ out: true }).then(() => {
      emit('change', null);
      return token ? revoke(token).then(() => true, () => false) : true;
    });
  });
  const refuse = (access, listed) => {
    const mark = () => {
      refused[access] = true;
      return true;
    };
    if (!listed || access !== record.access || refused[access] || !isNewerThan(record, youth)) return mark();
    if (pause.access !== access) {
      if (isNewerThan(pause, youth)) return false;
      pause = { access, got: Date.now(), over: platform.pause(delay).then(mark) };
    }
    return pause.over;
  };
  return {
    ensure,
    login,
    logout,
    sub: () => load().then(() => record.sub),
    refuse,
  };
};
})();
parts.request = (() => {
const places = 9;
const endpoints = ['/account/v1/', '/wechat/', '/userinfo'];
const errorOf = (http, answer) => {
  const challenge = /error="?([a-z_]+)/.exec(http.header(answer, 'www-authenticate'));
  return challenge ? challenge[1] : http.parsed(answer.data).error;
};
return (config, http, session) => {
  let free = places;
  const waiting = [];
  const inPlace = job => new Promise(resolve => {
    const begin = () => {
      free--;
      const result = job();
      const end = () => {
        free++;
        if (waiting.length) waiting.shift()();
      };
      result.then(end, end);
      resolve(result);
    };
    if (free) begin();
    else waiting.push(begin);
  });
  return options => {
    const address = String(options.url).split(/[?#]/)[0];
    const endpoint = /\.\.|%2e|[\\\s]/i.test(address) ? undefined : endpoints.filter(each => !address.indexOf(config.issuer + each))[0];
    const ensure = () => session.ensure(!!endpoint && endpoint !== '/userinfo');
    const attempt = (sub, replay) => inPlace(() => ensure().then(held => {
      if (sub && held.sub !== sub) throw http.fail('user_changed');
      const header = Object.assign({}, options.header, { Authorization: 'Bearer ' + held.access });
      return http.send(Object.assign({}, options, { header })).then(answer => ({ answer, held }));
    })).then(({ answer, held }) => {
      const error = answer.statusCode === 401 ? errorOf(http, answer) : '';
      if (!replay || answer.statusCode !== 401 || error === 'insufficient_user_authentication') return answer;
      const ready = session.refuse(held.access, error === 'invalid_token' && !endpoint);
      if (options.replay === false) return answer;
      return Promise.resolve(ready).then(able => (able ? ensure().then(() => attempt(held.sub, false)) : answer));
    });
    const answer = session.sub().then(sub => attempt(sub, true));
    if (options.success || options.fail || options.complete) {
      answer.then(options.success, options.fail || (() => {})).then(options.complete);
    }
    return answer;
  };
};
})();
parts.index = (() => {
const createAuth = options => {
  const platform = parts.platform(options.platform);
  const config = Object.assign({ scope: 'openid profile', skew: 60, timeout: 15000 }, options);
  config.language = config.language || (/^en/i.test(platform.language()) ? 'en' : 'zh-CN');
  config.issuer = String(config.issuer || '').replace(/\/$/, '');
  if (!config.issuer || !config.clientId) throw new TypeError('createAuth needs issuer and clientId');
  let listeners = [];
  const emit = (event, detail) => listeners.filter(each => each.event === event).forEach(each => {
    Promise.resolve(detail).then(each.listener);
  });
  const http = parts.http(config, platform);
  const random = parts.random(platform);
  const store = parts.store(platform, 'lingpai.' + config.clientId);
  const session = parts.session(config, platform, http, store, random, emit);
  const request = parts.request(config, http, session);
  let unsure;
  const keys = {};
  return {
    login: credentials => session.login(credentials),
    register: who => http.postJSON('/account/v1/users', { username: who.username, password: who.password })
      .catch(err => {
        if (err.code === 'username_taken' && unsure === who.username) return;
        unsure = err.retryable ? who.username : undefined;
        throw err;
      })
      .then(() => session.login(who)),
    request,
    getAccessToken: () => session.ensure(false).then(held => held.access),
    user: () => request({ url: config.issuer + '/userinfo' }).then(http.body),
    bindPhone: code => (keys['of ' + code] = keys['of ' + code] || random()).then(key => request({
      url: config.issuer + '/wechat/phone',
      method: 'POST',
      header: http.formHeader(key),
      data: http.form({ code }),
    })).then(http.body),
    logout: session.logout,
    on: (event, listener) => {
      const mine = { event, listener };
      listeners = listeners.concat(mine);
      return () => { listeners = listeners.filter(each => each !== mine); };
    },
  };
};
return Object.assign({ createAuth }, parts.errors);
})();
module.exports = parts.index;
