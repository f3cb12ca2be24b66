'use strict';

// wx.request runs ten requests at a time and queues the rest; one slot stays free for the refresh that the others may wait for.
const places = 9;

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

  const send = (options, sub) => session.ensure().then(held => {
    if (sub && held.sub !== sub) throw http.fail('user_changed');
    const header = Object.assign({}, options.header, { Authorization: 'Bearer ' + held.access });
    return http.send(Object.assign({}, options, { header })).then(answer => ({ answer, held }));
  });

  // Sends a request for one user only, and repeats it at most once.
  const attempt = (options, sub, replay) => inPlace(() => send(options, sub)).then(sent => {
    const answer = sent.answer;
    const error = answer.statusCode === 401 ? errorOf(http, answer) : '';
    // The app handles a 401 for another reason than the token, such as a missing proof.
    if (!replay || answer.statusCode !== 401 || error === 'insufficient_user_authentication') return answer;
    // The issuer looks the session up; other services may have a list of revocations.
    const listed = error === 'invalid_token' && options.url.indexOf(config.issuer + '/') !== 0;
    const replaced = session.refuse(sent.held.access, listed);
    if (options.replay === false) return answer;
    // The refresh does not wait for a place.
    return replaced.then(able => (able ? session.ensure().then(() => attempt(options, sent.held.sub, false)) : answer));
  });

  return options => {
    const answer = session.sub().then(sub => attempt(options, sub, true));
    // Like wx.request.
    if (options.success || options.fail || options.complete) {
      answer.then(options.success, options.fail || (() => {})).then(options.complete);
    }
    return answer;
  };
};
