'use strict';
// Generated from src.
const parts = {};
const urn = 'urn:ietf:params:oauth:';
const handOff = (auth, site) => {
const { config, http, session } = auth.internal;
const { clientId, url } = Object(site);
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
const fields = { ticket: answer.access_token, target_link_uri: url, ui_locales: config.english ? 'en' : 'zh' };
return config.issuer + '/handoff?' + http.formPost('', fields).data;
});
};
parts.handoff = { handOff };
module.exports = parts.handoff;
