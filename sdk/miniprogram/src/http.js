'use strict';

const errors = require('./errors');

const form = fields => Object.keys(fields).filter(name => fields[name]).map(name => name + '=' + encodeURIComponent(fields[name])).join('&');

const parsed = data => {
  try {
    return Object(typeof data === 'string' ? JSON.parse(data) : data);
  } catch (err) {
    return {};
  }
};

// The case of header names depends on the host.
const header = (answer, name) => {
  const all = answer.header || {};
  return String(all[Object.keys(all).filter(each => each.toLowerCase() === name)[0]] || '');
};

// Sends requests to the issuer. Network errors and every status other than 2xx are rejected.
module.exports = (config, platform) => {
  const fail = (code, more) => new errors.AuthError(code, config.language, more);

  const send = options => platform.call('request', options, (options.timeout || 60000) + 5000).catch(cause => {
    throw fail('network', { retryable: true, cause });
  });

  // Returns the body of a success. An answer that is neither a success nor an OAuth error comes from a proxy or a captive portal.
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
