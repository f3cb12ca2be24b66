'use strict';

const claims = require('./claims');

// The signed-in user and the tokens. The record is replaced and never modified, so that a waiting caller can see whether it is still the same:
//   access, got, ttl   the access token, when it was received and its lifetime, in milliseconds
//   refresh, key       the refresh token and its Idempotency-Key, which are created and stored together; '' if it is sent without a key
//   sub, method        the user and the method of sign-in; they are kept for the next session of the user
//   pending            the code and the key of a sign-in without an answer yet
//   lost               what the app is to be told about the refusal that ended the last session
//   revoke             refresh tokens whose sessions may be active for others, and that the issuer has not been told of yet
//   out                only login() may sign in again

// An access token is young for a minute. Services may refuse it because of a list of revocations, until there is a token of a later second.
const youth = 60000;
const delay = 10000;

module.exports = (config, platform, http, store, random, emit) => {
  let record;
  let loading;
  let renewing;
  let signing;
  // The storage has an older record.
  let unsaved = false;
  // An access token that a service rejected before it expired.
  let refused = '';
  // The last pause before a young token was refreshed: the token, when it began, and a promise of its end.
  let pause = { began: 0 };
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

  // The clock only measures elapsed time: if it is set back or far ahead, a token counts as old, never as fresh.
  const isNewerThan = limit => {
    const age = Date.now() - record.got;
    return age >= 0 && age < limit;
  };
  const lives = early => !!record.access && record.access !== refused && isNewerThan(record.ttl - early);
  const fresh = () => lives(Math.min(config.skew * 1000, record.ttl / 2));

  const revoke = token => http.postForm('/revoke', { token });

  // Tells the issuer of the tokens in revoke. Failures do not prevent a sign-in: what could not be sent is sent next time.
  const settle = () => {
    if (!record.revoke) return Promise.resolve();
    return Promise.all(record.revoke.map(token => revoke(token).then(() => token, err => !err.retryable && token))).then(told => {
      const left = (record.revoke || []).filter(token => told.indexOf(token) < 0);
      return save(Object.assign({}, record, { revoke: left.length ? left : undefined }));
    });
  };

  // Requests tokens, and returns the record of the answer.
  const ask = (fields, key, old) => http.postForm('/token', fields, key).then(answer => {
    const got = Date.now();
    const sub = old ? old.sub : claims(answer.access_token).sub;
    if (!answer.access_token || !sub) throw http.fail('invalid_response', { retryable: true });
    return random().then(next => ({
      user: Object.assign({ sub }, claims(answer.id_token)),
      record: {
        access: answer.access_token,
        got,
        ttl: (answer.expires_in || 300) * 1000,
        refresh: answer.refresh_token || (old && old.refresh),
        key: answer.refresh_token ? next || undefined : old && old.key,
        sub,
        method: old ? old.method : fields.grant_type,
      },
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

  // The Idempotency-Key is stored before the code is sent, so that the request can be repeated until there is an answer: a repetition gets the same session. Of two instances that sign in at once, both send the code that is stored.
  const trade = pending => ask({ grant_type: 'wechat_code', code: pending.code, scope: config.scope, appid: config.appid }, pending.key)
    .catch(err => {
      if (err.retryable || (record.pending || {}).key !== pending.key) throw err;
      return save(Object.assign({}, record, { pending: undefined })).then(() => { throw err; });
    });

  const freshCode = began => platform.call('login', { timeout: config.timeout }, config.timeout + 5000)
    .then(answer => answer.code || Promise.reject(answer))
    .catch(cause => { throw http.fail('login_failed', { retryable: true, cause }); })
    .then(code => random().then(key => reload().then(() => {
      if (began !== logouts) throw http.fail('signed_out');
      const mine = { code, key };
      const stored = key && !record.pending ? save(Object.assign({}, record, { pending: mine })).then(reload) : Promise.resolve();
      return stored.then(() => trade(record.pending || mine));
    })));

  const byCode = began => !record.pending ? freshCode(began) : trade(record.pending).catch(err => {
    // The code had expired, or its session has since been refreshed.
    if (err.code === 'invalid_grant') return freshCode(began);
    throw err;
  });

  // An expected user is the one whose session has ended: another user must not be signed in silently.
  const signIn = (credentials, expected, began) => {
    const asked = credentials
      ? ask({ grant_type: 'password', username: credentials.username, password: credentials.password, scope: config.scope })
      : byCode(began);
    return asked.then(answer => {
      const stranger = expected && answer.record.sub !== expected;
      if (began !== logouts || stranger) revoke(answer.record.refresh || answer.record.access).catch(() => {});
      if (began !== logouts) throw http.fail('signed_out');
      if (stranger) return lose();
      const lost = record.sub === answer.record.sub && record.lost;
      return save(answer.record).then(() => {
        if (lost) emit('sessionReplaced', lost);
        if (!expected) emit('change', answer.user);
        return answer.user;
      });
    }, err => {
      if (expected && began === logouts && err.code === 'invalid_grant') return lose(err);
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
    return (held.key === undefined ? random() : Promise.resolve(held.key)).then(key => {
      if (record === held && (unsaved || key !== held.key)) return save(Object.assign({}, held, { key })).then(reload);
    });
  };

  // The issuer refused the token. If the session may be active for others, it is ended: they may have copied the token.
  const replace = (held, err) => {
    const state = err.session_state === 'ended' ? 'ended' : 'unknown';
    const revoked = state === 'ended' ? record.revoke : (record.revoke || []).concat(held.refresh);
    const lost = { status: err.status, session_state: state, request_id: err.request_id };
    return save({ sub: held.sub, method: held.method, pending: record.pending, lost, revoke: revoked });
  };

  // The response counts only if the token is still the stored one. Otherwise the user signed in or out meanwhile, or another instance has stored this response with its key, or a later one.
  const refresh = held => ask({ grant_type: 'refresh_token', refresh_token: held.refresh }, held.key, held)
    .then(answer => () => save(Object.assign(answer.record, { pending: record.pending })), err => () => {
      if (err.code !== 'invalid_grant' || err.status !== 400) throw err;
      return replace(held, err).then(advance);
    })
    .then(conclude => reload().then(() => (record.refresh === held.refresh ? conclude() : advance())));

  // Refreshes the session or opens a new one, unless the stored token is valid.
  const advance = () => reload().then(() => {
    if (record.out || fresh()) return undefined;
    if (!record.refresh && record.method !== 'password') return login(undefined, true);
    return settle().then(() => {
      if (record.out || fresh()) return undefined;
      return record.refresh ? prepare().then(() => (record.refresh ? refresh(record) : advance())) : lose();
    });
  });

  const renew = () => {
    if (renewing) return renewing;
    const mine = advance();
    const end = () => { if (renewing === mine) renewing = undefined; };
    mine.then(end, end);
    renewing = mine;
    return mine;
  };

  // Returns the record with an access token that is valid as far as is known.
  const ensure = () => load().then(() => {
    if (fresh()) return record;
    return (record.out && signing ? signing.promise : renew()).then(() => {
      if (!record.access) throw http.fail('signed_out');
      return record;
    }, err => {
      // The refresh was early: the old token is still valid.
      if (err.retryable && lives(0)) return record;
      throw err;
    });
  });

  const logout = () => load().then(() => {
    const token = record.refresh || record.access;
    logouts++;
    renewing = signing = undefined;
    return save({ out: true }).then(() => {
      emit('change', null);
      return token ? revoke(token).then(() => true, () => false) : true;
    });
  });

  // Marks an access token that a service refused, and resolves to whether the request can be repeated: at once if there is a newer token or if the refused one can be refreshed now. If the service may have it on a list, a young token is refreshed after a pause, which all callers share, and at most once a minute, so that a service that refuses every token does not cause a refresh for each request.
  const refuse = (access, listed) => {
    const mark = () => {
      if (access === record.access) refused = access;
      return true;
    };
    if (!listed || access !== record.access || access === refused || !isNewerThan(youth)) return Promise.resolve(mark());
    if (pause.access !== access) {
      const now = Date.now();
      if (Math.abs(now - pause.began) < youth) return Promise.resolve(false);
      pause = { access, began: now, over: platform.pause(delay).then(mark) };
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
