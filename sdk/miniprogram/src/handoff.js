'use strict';

const urn = 'urn:ietf:params:oauth:';

// Returns the address for a web-view that signs the user of the mini-program in at a site. It can be used once, within 30 seconds.
const handOff = (auth, site) => {
  const { config, http, session } = auth.internal;
  const { clientId, url } = Object(site);

  // Trades the token for the issuer for a ticket (RFC 8693). A token may have become invalid before it has expired.
  const trade = first => session.ensure(true).then(({ access }) => http.postForm('/token', {
    grant_type: urn + 'grant-type:token-exchange',
    subject_token: access,
    subject_token_type: urn + 'token-type:access_token',
    requested_token_type: 'urn:lingpai:oauth:token-type:ticket',
    audience: clientId,
  }).catch(err => {
    if (!first || err.code !== 'invalid_request') throw err;
    return Promise.resolve(session.refuse(access)).then(() => trade(false));
  }));

  if (!clientId) throw new TypeError('handOff needs clientId');
  return trade(true).then(answer => {
    if (!answer.access_token) throw http.fail('invalid_response', { retryable: true });
    // On iOS a web-view stays empty if its address has anything but ASCII.
    const fields = { ticket: answer.access_token, target_link_uri: url, ui_locales: config.english ? 'en' : 'zh' };
    return config.issuer + '/handoff?' + http.formPost('', fields).data;
  });
};

module.exports = { handOff };
