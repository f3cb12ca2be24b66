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

// Hosts differ in the case of header names.
const header = (answer, name) => {
  const all = answer.header || {};
  const found = Object.keys(all).filter(each => each.toLowerCase() === name)[0];
  return String(found ? all[found] : '');
};

// Speaks to the issuer. Network faults and every status but 2xx are errors here.
module.exports = (config, platform) => {
  const fail = (code, more) => new errors.AuthError(code, config.language, more);

  const send = options => platform.call('request', options, (options.timeout || 60000) + 5000).catch(cause => {
    throw fail('network', { retryable: true, cause: cause });
  });

  // The body of a good answer. What is neither that nor an OAuth error came from somebody between, such as a proxy or a portal.
  const body = answer => {
    const data = parsed(answer.data);
    const status = answer.statusCode;
    if (status >= 200 && status < 300) return data;
    const busy = status === 429 || status >= 500;
    throw fail(data.error || (busy ? 'temporarily_unavailable' : 'invalid_response'), {
      status: status,
      retryable: busy || !data.error,
      retryAfter: Number(header(answer, 'retry-after')) || 0,
      wechat_errcode: data.wechat_errcode,
      description: data.error_description,
      request_id: data.request_id,
    });
  };

  const post = (path, type, data, key) => send({
    url: config.issuer + path,
    method: 'POST',
    header: Object.assign({ 'content-type': type }, key ? { 'Idempotency-Key': key } : {}),
    data: data,
    timeout: config.timeout,
  }).then(body);

  const postForm = (path, fields, key) => post(path, 'application/x-www-form-urlencoded', form(Object.assign({ client_id: config.clientId }, fields)), key);

  return { fail: fail, send: send, body: body, header: header, form: form, parsed: parsed, post: post, postForm: postForm };
};
