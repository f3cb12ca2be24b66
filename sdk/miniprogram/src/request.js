'use strict';

// wx.request runs ten requests at a time and queues the rest; one slot stays free for the refresh that the others may wait for.
const places = 9;

// Returns the error code of a 401.
const errorOf = (http, answer) => {
  const challenge = /error="?([a-z_]+)/.exec(http.valueOf(answer, 'www-authenticate'));
  return challenge ? challenge[1] : http.parsed(answer.data).error;
};

module.exports = (config, platform, http, session) => {
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
    // The path of a URL of the issuer, '' for any other URL, and for one that the host may resolve to a path of another service.
    const address = String(options.url).split(/[?#]/)[0];
    const path = address.indexOf(config.issuer + '/') || /\.\.|%2e|[\\\s]/i.test(address) ? '' : address.slice(config.issuer.length);
    // An API may be below the issuer, too. The scopes of /userinfo are those of the token for the APIs.
    const own = /^\/(account\/v1|wechat|scan)\//.test(path);

    // Sends the request for one user only, and repeats it at most once.
    const attempt = (sub, first) => inPlace(() => session.ensure(own).then(held => {
      if (sub && held.sub !== sub) throw http.fail('user_changed');
      const header = Object.assign({}, options.header);
      header[http.nameOf(header, 'authorization') || 'Authorization'] = 'Bearer ' + held.access;
      return http.send(Object.assign({}, options, { header })).then(answer => ({ answer, held }));
    })).then(({ answer, held }) => {
      if (!first || answer.statusCode !== 401) return answer;
      const error = errorOf(http, answer);
      // The app handles a 401 for another reason than the token, such as a missing proof.
      if (error === 'insufficient_user_authentication' || (replay === 'invalid_token' && error !== replay)) return answer;
      // The issuer looks the session up; other services may have a list of revocations, or another reason.
      const ready = session.refuse(held.access, !own && path !== '/userinfo');
      if (replay === false) return answer;
      // The refresh does not wait for a place.
      return Promise.resolve(ready).then(able => (able ? session.ensure(own).then(() => attempt(held.sub, false)) : answer));
    });

    const answer = session.sub().then(sub => attempt(sub, true));
    // Like wx.request. Who passes callbacks need not handle the rejection of the promise.
    const end = callback => value => [callback, options.complete].forEach(each => platform.tell(each, value));
    if (options.success || options.fail || options.complete) answer.then(end(options.success), end(options.fail));
    return answer;
  };
};
