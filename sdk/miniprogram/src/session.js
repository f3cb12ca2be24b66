'use strict';

const claims = require('./claims');

// The signed-in user and the tokens. The record is replaced and never modified, so that a waiting caller can see whether it is still the same:
//   access, got, ttl   the access token for the APIs, when it was received and its lifetime, in milliseconds
//   issuer             the same members, of the access token for the issuer, which is requested when it is first needed
//   refresh, key       the refresh token and its Idempotency-Key, which are created and stored together; '' if it is sent without a key
//   sub, method        the user and the method of sign-in; they are kept for the next session of the user
//   pending            the code and the key of a sign-in without an answer yet
//   lost               what the app is to be told about the refusal that ended the last session
//   revoke             refresh tokens whose sessions may be active for others, and that the issuer has not been told of yet
//   out                only login() may sign in again

// An access token is young for a minute. Services may refuse it because of a list of revocations, until there is a token of a later second; otherwise their reason is probably not the token.
const youth = 60000;
const delay = 10000;

module.exports = (config, platform, http, store, random, emit) => {
  let record;
  let loading;
  // The renewals that are running or waiting, by whether they are for the issuer.
  let renewing = {};
  let signing;
  // The storage has an older record.
  let unsaved = false;
  // The access tokens that a service rejected before they expired.
  const refused = {};
  // The last pause before a young token was refreshed: the token, when it began, and a promise of its end.
  let pause = {};
  // An operation that began before a logout must not undo it.
  let logouts = 0;

  const load = () => loading || (loading = store.read().then(found => { record = found; }));

  const save = members => {
    const next = Object.assign({ revoke: record.revoke }, members);
    record = next;
    unsaved = true;
    // If this fails, the record is still in memory.
    return store.write(next).then(() => { unsaved = unsaved && record !== next; }, () => {});
  };

  const update = members => save(Object.assign({}, record, members));

  // The clock only measures elapsed time: if it is set back or far ahead, a token counts as old, never as fresh.
  const isNewerThan = (token, limit) => {
    const age = Date.now() - token.got;
    return age >= 0 && age < limit;
  };
  const lives = (token, early) => !refused[token.access] && isNewerThan(token, token.ttl - early);

  // Returns the resource of the issuer's own token (RFC 8707); undefined for the other token, and if that is for the issuer already, as that of a client without APIs.
  const targetOf = own => {
    const about = own && record.refresh ? claims(record.access) : {};
    return String(about.aud) === about.iss ? undefined : about.iss;
  };
  const chosen = own => (targetOf(own) ? record.issuer || {} : record);
  const fresh = own => lives(chosen(own), Math.min(config.skew * 1000, chosen(own).ttl / 2));

  const owed = () => record.revoke || [];
  const revoke = token => http.postForm('/revoke', { token });

  // Tells the issuer of the tokens in revoke. Failures do not prevent a sign-in: what could not be sent is sent next time.
  const settle = () => Promise.all(owed().map(token => revoke(token).then(() => token, err => err.status && !err.retryable && token))).then(told => {
    if (told.length) return update({ revoke: owed().filter(token => told.indexOf(token) < 0) });
  });

  // Requests tokens, and returns the parts of the record that the answer changes.
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

  // The Idempotency-Key is stored before the code is sent, so that the request can be repeated until there is an answer: a repetition gets the same session. Of two instances that sign in at once, both send the code that is stored.
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

  // WeChat refuses the code and not the user: it is invalid, has expired or was used, or WeChat did not see it.
  const isStale = err => [40029, 40163, 42003, 41008].indexOf(err.wechat_errcode) >= 0;

  const byCode = began => {
    // The code may have expired, or its session has since been refreshed.
    const repeats = record.pending;
    return (repeats ? trade(repeats) : freshCode(began)).catch(err => {
      if (err.code === 'invalid_grant' && (repeats || isStale(err))) return freshCode(began);
      throw err;
    });
  };

  // An expected user is the one whose session has ended: another user must not be signed in silently.
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

  // One sign-in at a time, shared by all callers that ask for the same.
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

  // Another instance with the same storage may have refreshed the session.
  const reload = () => {
    const before = record;
    return unsaved ? Promise.resolve() : store.read().then(found => {
      if (record === before && (found.out || found.sub || found.pending)) record = found;
    });
  };

  // The key is stored before it is sent, even if it could not be created or stored when the token was received; of two instances that do so, both send the one that is stored. A token that is sent without a key has '', and never gets one: with a key, a repetition would look like another party's.
  const prepare = () => {
    const held = record;
    return Promise.resolve(held.key === undefined ? random() : held.key).then(key => {
      if (record === held && (unsaved || key !== held.key)) return update({ key }).then(reload);
    });
  };

  // The issuer refused the token. If the session may be active for others, it is ended: they may have copied the token.
  const replace = err => {
    const ended = err.session_state === 'ended';
    const revoke = ended ? record.revoke : owed().concat(record.refresh);
    const lost = { status: err.status, session_state: ended ? 'ended' : 'unknown', request_id: err.request_id };
    return save({ sub: record.sub, method: record.method, pending: record.pending, lost, revoke });
  };

  // The response counts only if the token is still the stored one. Otherwise the user signed in or out meanwhile, or another instance has stored this response with its key, or a later one.
  const refresh = own => {
    const held = record;
    const target = targetOf(own);
    const exchange = resource => ask({ grant_type: 'refresh_token', refresh_token: held.refresh, resource }, held.key);
    return exchange(target)
      // The client may not have a token for the issuer, so what it may have is used there, too.
      .catch(err => (err.code === 'invalid_target' ? exchange() : Promise.reject(err)))
      .then(({ session, token }) => () => update(Object.assign(session, target ? { issuer: token } : token)), err => () => {
        if (err.code !== 'invalid_grant' || err.status !== 400) throw err;
        return replace(err).then(() => advance(own));
      })
      .then(conclude => reload().then(() => (record.refresh === held.refresh ? conclude() : advance(own))));
  };

  // Refreshes the session or opens a new one, unless the stored token is valid.
  const advance = own => reload().then(() => {
    if (record.out || fresh(own)) return undefined;
    if (!record.refresh && record.method !== 'password') return login(undefined, true);
    return settle().then(() => {
      if (record.out || fresh(own)) return undefined;
      return record.refresh ? prepare().then(() => (record.refresh ? refresh(own) : advance(own))) : lose();
    });
  });

  // One renewal at a time: each token is requested with the refresh token that the request before it has returned.
  const renew = own => {
    const turns = renewing;
    if (!turns[own]) {
      const end = () => { delete turns[own]; };
      turns[own] = Promise.resolve(turns[!own]).catch(() => {}).then(() => advance(own));
      turns[own].then(end, end);
    }
    return turns[own];
  };

  // Returns the user and an access token that is valid as far as is known: the issuer's own, or the one for the APIs.
  const ensure = (own, again) => load().then(() => {
    const held = () => Object.assign({}, record, chosen(own));
    if (fresh(own)) return held();
    return (record.out && signing ? signing.promise : renew(own)).then(() => {
      if (!record.access) throw http.fail('signed_out');
      // A sign-in does not return the token for the issuer.
      return chosen(own).access || again ? held() : ensure(own, true);
    }, err => {
      // The refresh was early: the old token is still valid.
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

  // Marks an access token that a service refused, and resolves to whether the request can be repeated: at once if there is a newer token or if the refused one can be refreshed now. If another service than the issuer refused it, a young token is refreshed after a pause, which all callers share, and at most once a minute, so that a service that refuses every token does not cause a refresh for each request.
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
