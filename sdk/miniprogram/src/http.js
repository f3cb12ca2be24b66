'use strict';

const form = fields => Object.keys(fields).filter(name => fields[name]).map(name => name + '=' + encodeURIComponent(fields[name])).join('&');

const parsed = data => {
  try {
    return Object(typeof data === 'string' ? JSON.parse(data) : data);
  } catch (err) {
    return {};
  }
};

// Returns the name of a header as it is written there: the case depends on the host and on the app.
const nameOf = (header, name) => Object.keys(Object(header)).filter(each => each.toLowerCase() === name)[0];

const valueOf = ({ header }, name) => Object(header)[nameOf(header, name)];

// Sends requests to the issuer. Network errors and every status other than 2xx are rejected.
module.exports = (config, platform) => {
  const fail = (code, more) => new (require('./errors').AuthError)(code, config.english, more);

  const send = options => platform.call('request', options, (options.timeout || 60000) + 5000).catch(cause => {
    // WeChat's errno 600002, which early versions of its base library lack.
    const listed = !/not in domain list/.test(Object(cause).errMsg);
    throw fail(listed ? 'network' : 'domain_not_listed', { retryable: listed, cause });
  });

  // Returns the body of a success. An answer that is neither a success nor an OAuth error comes from a proxy or a captive portal.
  const body = answer => {
    const data = parsed(answer.data);
    const status = answer.statusCode;
    if (status >= 200 && status < 300) return data;
    const busy = status === 429 || status >= 500;
    // The error has the members of the answer, such as wechat_errcode and request_id.
    throw fail(data.error || (busy ? 'temporarily_unavailable' : 'invalid_response'), Object.assign({}, data, {
      status,
      retryable: busy || !data.error,
      retryAfter: Number(valueOf(answer, 'retry-after')) || 0,
      description: data.error_description,
    }));
  };

  const post = (path, header, data) => ({ url: config.issuer + path, method: 'POST', header, data, timeout: config.timeout });

  const postJSON = (path, members) => send(post(path, { 'content-type': 'application/json' }, JSON.stringify(Object.assign({ client_id: config.clientId }, members)))).then(body);

  // Returns the options of a request with a form, for the caller to send.
  const formPost = (path, fields, key) => post(path, Object.assign({ 'content-type': 'application/x-www-form-urlencoded' }, key && { 'Idempotency-Key': key }), form(fields));

  const postForm = (path, fields, key) => send(formPost(path, Object.assign({ client_id: config.clientId }, fields), key)).then(body);

  return { fail, send, body, nameOf, valueOf, parsed, postJSON, formPost, postForm };
};
