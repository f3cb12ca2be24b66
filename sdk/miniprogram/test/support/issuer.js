'use strict';

// A strict issuer: only requests with an idempotency key can be repeated; there is no grace period for used refresh
// tokens, and a code works once. An access token is for the client's APIs or for the issuer. With old it is like an issuer
// of an earlier version.

const { randomUUID } = require('crypto');

const json = (statusCode, data, header = {}) => ({ statusCode, data, header: Object.assign({ 'Content-Type': 'application/json' }, header) });
const refusal = (statusCode, error, more) => json(statusCode, Object.assign({ error, error_description: 'of the issuer', request_id: 'r1' }, more));
const jwt = claims => ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'c2ln'].join('.');

const claims = token => {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  } catch (err) {
    return {};
  }
};

class Issuer {
  constructor() {
    this.url = 'https://login.test';
    this.apis = ['https://api.test']; // the audiences of the client
    this.apart = true; // the client may have tokens for the issuer, if it has APIs
    this.sessions = [];
    this.requests = []; // {path, form, key, authorization}
    this.ttl = 3600;
    this.good = new Set(); // access tokens that services accept
    this.users = new Map(); // by name
    this.subs = {}; // the sub of a WeChat user; by default the user's name
    this.thefts = 0;
    this.old = false; // refusals have no session_state, another key within the grace period ends nothing, and all tokens are for everything
    this.phones = new Map(); // the keys of phone codes that WeChat has charged for
    this.screens = new Map(); // by the handle of the code that a screen shows: {client_name, numbers, number}, and then {by, decision}
    this.sites = ['site']; // that a session can be handed to
    this.disabled = false;
    this.plan = []; // what happens to the next requests to the issuer: a function of the real response
  }

  count(grant) {
    return this.requests.filter(r => r.form.grant_type === grant).length;
  }

  // Acts as a network: takes the options of wx.request.
  async answer(options) {
    if (!options.url.startsWith(this.url + '/')) return this.service(options);
    const header = Object.fromEntries(Object.entries(options.header || {}).map(([name, value]) => [name.toLowerCase(), value]));
    const request = {
      path: options.url.slice(this.url.length).split(/[?#]/)[0], key: header['idempotency-key'], authorization: header.authorization,
      form: header['content-type'] === 'application/x-www-form-urlencoded' ? Object.fromEntries(new URLSearchParams(options.data)) : {},
      json: header['content-type'] === 'application/json' ? JSON.parse(options.data) : undefined,
    };
    this.requests.push(request);
    const step = request.path === '/userinfo' || request.path === '/account/v1/me' ? undefined : this.plan.shift();
    return step ? step(() => this.handle(request)) : this.handle(request);
  }

  // Returns the answer to a refused refresh token. An issuer of an earlier version does not tell whether the session has ended.
  refuseToken(state) {
    return refusal(400, 'invalid_grant', this.old ? {} : { session_state: state });
  }

  handle(request) {
    const { path, form } = request;
    if (path === '/revoke') {
      this.sessions.filter(s => s.id === form.token.split('.')[1]).forEach(s => { s.ended = true; });
      return json(200, {});
    }
    if (path === '/userinfo') return this.bearer(request, true) || json(200, { sub: 'ada', nickname: '小明' });
    if (path === '/wechat/phone') return this.bearer(request) || this.phone(request);
    if (path.startsWith('/scan/')) return this.bearer(request) || this.scan(request);
    if (path === '/account/v1/me') return this.bearer(request) || json(200, { token: request.authorization });
    if (path === '/account/v1/users') {
      if (this.users.has(request.json.username)) return refusal(409, 'username_taken');
      this.users.set(request.json.username, request.json.password);
      return json(201, { sub: request.json.username });
    }
    if (path !== '/token') return refusal(404, 'invalid_request');
    return { wechat_code: () => this.byCode(request), refresh_token: () => this.refresh(request), password: () => this.byPassword(form), 'urn:ietf:params:oauth:grant-type:token-exchange': () => this.ticket(form) }[form.grant_type]();
  }

  // Returns the refusal of a request's access token, if it is not valid or, except for some endpoints, not for the issuer.
  bearer({ authorization }, anyAudience) {
    const token = String(authorization).replace('Bearer ', '');
    if (!this.good.has(token)) return refusal(401, 'invalid_token', {});
    return anyAudience || [].concat(claims(token).aud).includes(this.url) ? undefined : refusal(403, 'insufficient_scope', {});
  }

  phone({ form, key }) {
    const repeated = this.phones.has(form.code);
    if (!form.code.startsWith('good') || (repeated && (!key || this.phones.get(form.code) !== key))) return refusal(400, 'invalid_grant', { wechat_errcode: 40029 });
    this.phones.set(form.code, key);
    return json(200, { phone_number: '+8613800000000', phone_number_verified: true });
  }

  // Like provider/scan.go: the session that scans a code first decides, and may repeat what it said.
  scan({ path, form, authorization }) {
    const refuse = reason => refusal(400, 'invalid_grant', { scan: reason });
    const { sid } = claims(authorization);
    const screen = this.screens.get(form.scan);
    if (!screen) return refuse('expired');
    const { by, number, decision, ...shown } = screen;
    if (by && by !== sid) return refuse('taken');
    if (path === '/scan/look') {
      if (decision) return refuse('decided');
      screen.by = sid;
      return json(200, { ...shown, address: '192.0.2.10', near: true, shown_at: '2026-01-02T03:04:05Z', expires_in: 119 });
    }
    if (!by) return refuse('not_scanned');
    const right = !number || form.number === String(number);
    const now = path === '/scan/approve' && right ? 'approved' : 'denied';
    if (decision && decision !== now) return refuse('decided');
    screen.decision = now;
    return path === '/scan/approve' && !right ? refuse('wrong_number') : json(204, '');
  }

  // Like grants/handoff.go.
  ticket({ subject_token: token, subject_token_type, requested_token_type, audience }) {
    const types = [subject_token_type, requested_token_type].join(' ');
    if (types !== 'urn:ietf:params:oauth:token-type:access_token urn:lingpai:oauth:token-type:ticket') return refusal(400, 'invalid_request');
    if (this.bearer({ authorization: 'Bearer ' + token })) return refusal(400, 'invalid_request');
    if (!this.sites.includes(audience)) return refusal(400, 'invalid_target');
    return json(200, { access_token: 'lp_ht_' + randomUUID(), issued_token_type: requested_token_type, token_type: 'N_A', expires_in: 30 });
  }

  byCode({ form, key }) {
    const twin = this.sessions.find(s => s.code === form.code);
    if (twin && key && twin.codeKey === key && twin.generation === 0 && !twin.ended) return this.tokens(twin, true);
    if (twin) return refusal(400, 'invalid_grant', { wechat_errcode: 40163 });
    if (form.code === 'expired') return refusal(400, 'invalid_grant', { wechat_errcode: 40029 });
    if (this.disabled) return refusal(400, 'invalid_grant');
    const user = form.code.split('-')[1];
    return this.open(this.subs[user] || user, { code: form.code, codeKey: key });
  }

  byPassword({ username, password }) {
    if (!this.users.has(username) || this.users.get(username) !== password) return refusal(400, 'invalid_grant');
    return this.open(username, {});
  }

  open(sub, more) {
    const session = Object.assign({ id: randomUUID(), sub, generation: 0, keys: {} }, more);
    this.sessions.push(session);
    return this.tokens(session, true);
  }

  refresh({ form, key }) {
    const [, id, generation] = form.refresh_token.split('.');
    const session = this.sessions.find(s => s.id === id);
    if (!session) return this.refuseToken('unknown');
    if (session.ended) return this.refuseToken('ended');
    if (key && (session.keys[key] || generation) !== generation) return refusal(400, 'invalid_request');
    const rotates = Number(generation) === session.generation;
    if (rotates || (key && key === session.key && Number(generation) === session.generation - 1)) {
      if (!this.audience(form.resource)) return refusal(400, 'invalid_target');
      if (rotates) Object.assign(session, { generation: session.generation + 1, key, keys: { ...session.keys, [key]: generation } });
      return this.tokens(session, false, form.resource);
    }
    if (this.old) return this.refuseToken();
    this.thefts++;
    session.ended = true;
    return this.refuseToken('ended');
  }

  // Returns the audience of an access token, undefined if the client may not have it.
  audience(resource = this.apis[0] || this.url) {
    if (this.old) return [...this.apis, this.url];
    if (resource === this.url) return this.apart || !this.apis.length ? this.url : undefined;
    return this.apis.includes(resource) ? resource : undefined;
  }

  tokens(session, signIn, resource) {
    const access = jwt({ iss: this.url, aud: this.audience(resource), sub: session.sub, sid: session.id, jti: randomUUID() });
    this.good.add(access);
    return json(200, Object.assign({
      access_token: access, token_type: 'Bearer', expires_in: this.ttl, refresh_token: `rt.${session.id}.${session.generation}`,
    }, signIn ? { id_token: jwt({ sub: session.sub, nickname: '小明' }) } : {}));
  }

  service({ url, header = {}, data }) {
    const token = String(header.Authorization).replace('Bearer ', '');
    if (!this.good.has(token) || (this.apis.length && ![].concat(claims(token).aud).includes(this.apis[0]))) return json(401, 'no', { 'www-authenticate': 'Bearer error="invalid_token"' });
    return json(200, { url, data, token: header.Authorization });
  }
}

// The possible fates of a request.
const lost = async answer => { await answer(); throw new Error('interrupted'); };
const unsent = async () => { throw new Error('timeout'); };
const refused = (status, error, more, header) => async () => Object.assign(refusal(status, error, more), header ? { header } : {});
const never = () => new Promise(() => {});

module.exports = { Issuer, lost, unsent, refused, never, json, jwt, claims };
