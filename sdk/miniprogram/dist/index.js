'use strict';
// Generated from src.
const parts = {};
const messages = {
network: ['网络不可用，请稍后重试', 'No network. Try again later.'],
domain_not_listed: ['请把域名加入 request 合法域名', 'Add the domain to the request domains.'],
tourist_appid: ['请填写 AppID，游客不能登录', 'Set an AppID: tourists cannot sign in.'],
user_blocked: ['微信禁止该用户登录，请联系客服', 'WeChat blocks this user. Contact support.'],
phone_declined: ['请重新点击并允许使用手机号', 'Tap again and allow the phone number.'],
invalid_grant: ['凭据无效或已过期', 'The credentials are invalid or have expired.'],
signed_out: ['尚未登录', 'Not signed in.'],
session_lost: ['登录已失效，请重新登录', 'The session has ended. Sign in again.'],
user_changed: ['用户已改变，请求未发送', 'Another user has signed in: nothing was sent.'],
username_taken: ['用户名已被占用', 'The user name is taken.'],
weak_password: ['密码太短或太常见', 'The password is too short or common.'],
over_budget: ['本月手机号验证次数已用完', 'No more phone numbers this month.'],
};
const refused = ['请求被拒绝', 'The request was refused.'];
const busy = ['服务繁忙，请稍后重试', 'The service is busy. Try again later.'];
function AuthError(code, english, more) {
Object.assign(this, { status: 0, retryable: false }, more);
this.name = 'AuthError';
this.code = this.wechat_errcode === 40226 ? 'user_blocked' : code;
this.message = (messages[this.code] || (this.retryable ? busy : refused))[english ? 1 : 0];
const cause = Object(this.cause);
this.errMsg = cause.errMsg || 'request:fail ' + code;
this.errno = cause.errno;
this.stack = new Error(code).stack;
}
AuthError.prototype = Object.create(Error.prototype, { constructor: { value: AuthError } });
parts.errors = { AuthError, messages };
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
parts.claims = token => {
try {
const bits = String(token).split('.')[1].replace(/./g, digit => (digits.indexOf(digit) + 64).toString(2).slice(1));
const text = bits.match(/.{8}/g).map(byte => '%' + (parseInt(byte, 2) + 256).toString(16).slice(1)).join('');
return Object(JSON.parse(decodeURIComponent(text)));
} catch (err) {
return {};
}
};
parts.platform = own => {
const base = typeof wx === 'undefined' ? {} : wx;
const host = name => (own && typeof own[name] === 'function' ? own : base);
const has = name => typeof host(name)[name] === 'function';
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
const tell = (callback, detail) => { Promise.resolve(detail).then(callback); };
const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });
const language = () => (has('getAppBaseInfo') ? host('getAppBaseInfo').getAppBaseInfo().language : '');
return { call, tell, pause, has, host, language };
};
parts.random = platform => {
const draw = () => {
const bytes = platform.has('getRandomValues')
? platform.call('getRandomValues', { length: 16 }, 2000).then(answer => answer.randomValues)
: Promise.resolve().then(() => platform.host('random').random(16));
return bytes.then(given => {
const text = Array.from(new Uint8Array(given), byte => (byte + 256).toString(16).slice(1)).join('');
return text.length < 32 ? '' : text.slice(0, 32);
}).catch(() => '');
};
let first;
return () => Promise.all([first || (first = draw()), draw()]).then(drawn => (drawn[0] === drawn[1] ? '' : drawn[1]));
};
const usual = 3000;
const brief = 300;
parts.store = (platform, key) => {
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
const plainToo = (name, options, use) => call(name, Object.assign({ encrypt: true }, options), use).catch(() => call(name, options, use));
return {
read: () => inTurn(() => plainToo('getStorage', { key }, found => Object(JSON.parse(found.data))).catch(() => ({}))),
write: record => inTurn(() => plainToo('setStorage', { key, data: JSON.stringify(record) }, () => {})),
};
};
const form = fields => Object.keys(fields).filter(name => fields[name]).map(name => name + '=' + encodeURIComponent(fields[name])).join('&');
const parsed = data => {
try {
return Object(typeof data === 'string' ? JSON.parse(data) : data);
} catch (err) {
return {};
}
};
const nameOf = (header, name) => Object.keys(Object(header)).filter(each => each.toLowerCase() === name)[0];
const valueOf = ({ header }, name) => Object(header)[nameOf(header, name)];
parts.http = (config, platform) => {
const fail = (code, more) => new (parts.errors.AuthError)(code, config.english, more);
const send = options => platform.call('request', options, (options.timeout || 60000) + 5000).catch(cause => {
const listed = !/not in domain list/.test(Object(cause).errMsg);
throw fail(listed ? 'network' : 'domain_not_listed', { retryable: listed, cause });
});
const body = answer => {
const data = parsed(answer.data);
const status = answer.statusCode;
if (status >= 200 && status < 300) return data;
const busy = status === 429 || status >= 500;
throw fail(data.error || (busy ? 'temporarily_unavailable' : 'invalid_response'), Object.assign({}, data, {
status,
retryable: busy || !data.error,
retryAfter: Number(valueOf(answer, 'retry-after')) || 0,
description: data.error_description,
}));
};
const post = (path, header, data) => ({ url: config.issuer + path, method: 'POST', header, data, timeout: config.timeout });
const postJSON = (path, members) => send(post(path, { 'content-type': 'application/json' }, JSON.stringify(Object.assign({ client_id: config.clientId }, members)))).then(body);
const formPost = (path, fields, key) => post(path, Object.assign({ 'content-type': 'application/x-www-form-urlencoded' }, key && { 'Idempotency-Key': key }), form(fields));
const postForm = (path, fields, key) => send(formPost(path, Object.assign({ client_id: config.clientId }, fields), key)).then(body);
return { fail, send, body, nameOf, valueOf, parsed, postJSON, formPost, postForm };
};
const claims = parts.claims;
const youth = 60000;
const delay = 10000;
parts.session = (config, platform, http, store, random, emit) => {
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
const owed = () => record.revoke || [];
const revoke = token => http.postForm('/revoke', { token });
const settle = () => Promise.all(owed().map(token => revoke(token).then(() => token, err => err.status && !err.retryable && token))).then(told => {
if (told.length) return update({ revoke: owed().filter(token => told.indexOf(token) < 0) });
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
const err = http.fail('session_lost', Object.assign({}, cause, record.lost));
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
if (code === 'the code is a mock one') throw http.fail('tourist_appid');
const mine = { code, key };
return Promise.resolve(key && !record.pending && update({ pending: mine }).then(reload)).then(() => trade(record.pending || mine));
})));
const isStale = err => [40029, 40163, 42003, 41008].indexOf(err.wechat_errcode) >= 0;
const byCode = began => {
const repeats = record.pending;
return (repeats ? trade(repeats) : freshCode(began)).catch(err => {
if (err.code === 'invalid_grant' && (repeats || isStale(err))) return freshCode(began);
throw err;
});
};
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
if (isStale(err)) err.retryable = true;
else if (expected && began === logouts && (err.code === 'invalid_grant' || err.code === 'user_blocked')) return lose(err);
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
const ended = err.session_state === 'ended';
const revoke = ended ? record.revoke : owed().concat(record.refresh);
const lost = { status: err.status, session_state: ended ? 'ended' : 'unknown', request_id: err.request_id };
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
const refuse = (access, elsewhere) => {
const mark = () => {
refused[access] = true;
return true;
};
if (!elsewhere || access !== record.access || refused[access] || !isNewerThan(record, youth)) return mark();
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
const places = 9;
const errorOf = (http, answer) => {
const challenge = /error="?([a-z_]+)/.exec(http.valueOf(answer, 'www-authenticate'));
return challenge ? challenge[1] : http.parsed(answer.data).error;
};
parts.request = (config, platform, http, session) => {
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
const replay = options.replay === undefined ? config.replay : options.replay;
const address = String(options.url).split(/[?#]/)[0];
const path = address.indexOf(config.issuer + '/') || /\.\.|%2e|[\\\s]/i.test(address) ? '' : address.slice(config.issuer.length);
const own = /^\/(account\/v1|wechat|scan)\//.test(path);
const attempt = (sub, first) => inPlace(() => session.ensure(own).then(held => {
if (sub && held.sub !== sub) throw http.fail('user_changed');
const header = Object.assign({}, options.header);
header[http.nameOf(header, 'authorization') || 'Authorization'] = 'Bearer ' + held.access;
return http.send(Object.assign({}, options, { header })).then(answer => ({ answer, held }));
})).then(({ answer, held }) => {
if (!first || answer.statusCode !== 401) return answer;
const error = errorOf(http, answer);
if (error === 'insufficient_user_authentication' || (replay === 'invalid_token' && error !== replay)) return answer;
const ready = session.refuse(held.access, !own && path !== '/userinfo');
if (replay === false) return answer;
return Promise.resolve(ready).then(able => (able ? session.ensure(own).then(() => attempt(held.sub, false)) : answer));
});
const answer = session.sub().then(sub => attempt(sub, true));
const end = callback => value => [callback, options.complete].forEach(each => platform.tell(each, value));
if (options.success || options.fail || options.complete) answer.then(end(options.success), end(options.fail));
return answer;
};
};
const createAuth = options => {
const platform = parts.platform(options.platform);
const config = Object.assign({ scope: 'openid profile', skew: 60, timeout: 15000 }, options);
config.english = /^en/i.test(config.language || platform.language());
config.issuer = String(config.issuer || '').replace(/\/$/, '');
if (!config.issuer || !config.clientId) throw new TypeError('createAuth needs issuer and clientId');
let listeners = [];
const emit = (event, detail) => listeners.filter(each => each.event === event).forEach(each => platform.tell(each.listener, detail));
const http = parts.http(config, platform);
const random = parts.random(platform);
const store = parts.store(platform, 'lingpai.' + config.clientId);
const session = parts.session(config, platform, http, store, random, emit);
const request = parts.request(config, platform, http, session);
const call = (path, fields, key) => request(http.formPost(path, fields, key)).then(http.body);
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
bindPhone: code => !code ? Promise.reject(http.fail('phone_declined')) : (keys[code] = keys[code] || random()).then(key => call('/wechat/phone', { code }, key)),
logout: session.logout,
on: (event, listener) => {
const mine = { event, listener };
listeners = listeners.concat(mine);
return () => { listeners = listeners.filter(each => each !== mine); };
},
internal: { config, platform, http, call, session },
};
};
parts.index = Object.assign({ createAuth }, parts.errors);
module.exports = parts.index;
