'use strict';

// wx.request runs ten requests at a time and queues the rest; one slot stays free for the refresh that the others may wait for.
const places = 9;

const endpoints = ['/account/v1/', '/wechat/', '/userinfo'];

// Returns the error code of a 401.
const errorOf = (http, answer) => {
  const challenge = /error="?([a-z_]+)/.exec(http.header(answer, 'www-authenticate'));
  return challenge ? challenge[1] : http.parsed(answer.data).error;
};

module.exports = (config, http, session) => {
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
    // The endpoint of the issuer, undefined for any other URL, such as that of an API below the issuer, and for one that the host may resolve to another path.
    const address = String(options.url).split(/[?#]/)[0];
    const endpoint = /\.\.|%2e|[\\\s]/i.test(address) ? undefined : endpoints.filter(each => !address.indexOf(config.issuer + each))[0];
    // The scopes of /userinfo are those of the token for the APIs.
    const ensure = () => session.ensure(!!endpoint && endpoint !== '/userinfo');

    // Sends the request for one user only, and repeats it at most once.
    const attempt = (sub, replay) => inPlace(() => ensure().then(held => {
      if (sub && held.sub !== sub) throw http.fail('user_changed');
      const header = Object.assign({}, options.header, { Authorization: 'Bearer ' + held.access });
      return http.send(Object.assign({}, options, { header })).then(answer => ({ answer, held }));
    })).then(({ answer, held }) => {
      const error = answer.statusCode === 401 ? errorOf(http, answer) : '';
      // The app handles a 401 for another reason than the token, such as a missing proof.
      if (!replay || answer.statusCode !== 401 || error === 'insufficient_user_authentication') return answer;
      // The issuer looks the session up; other services may have a list of revocations.
      const ready = session.refuse(held.access, error === 'invalid_token' && !endpoint);
      if (options.replay === false) return answer;
      // The refresh does not wait for a place.
      return Promise.resolve(ready).then(able => (able ? ensure().then(() => attempt(held.sub, false)) : answer));
    });

    const answer = session.sub().then(sub => attempt(sub, true));
    // Like wx.request.
    if (options.success || options.fail || options.complete) {
      answer.then(options.success, options.fail || (() => {})).then(options.complete);
    }
    return answer;
  };
};
