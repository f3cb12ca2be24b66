'use strict';

// wx.request runs ten requests at a time and queues the rest; one slot stays free for the refresh that the others may wait for.
const places = 9;

// Reports whether a new access token would help. The app handles a 401 for another reason, such as a missing proof.
const wantsToken = (http, answer) => {
  if (answer.statusCode !== 401) return false;
  const challenge = /error="?([a-z_]+)/.exec(http.header(answer, 'www-authenticate'));
  const error = challenge ? challenge[1] : http.parsed(answer.data).error;
  return error !== 'insufficient_user_authentication';
};

module.exports = (http, session) => {
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

  // Sends a request for one user only, and repeats it at most once.
  const attempt = (options, sub, replay) => session.ensure().then(held => {
    if (sub && held.sub !== sub) throw http.fail('user_changed');
    const header = Object.assign({}, options.header, { Authorization: 'Bearer ' + held.access });
    return http.send(Object.assign({}, options, { header: header })).then(answer => {
      if (!replay || !wantsToken(http, answer)) return answer;
      // If there is already a newer token, nothing is refreshed.
      session.refuse(held.access);
      return options.replay === false ? answer : attempt(options, held.sub, false);
    });
  });

  return options => {
    const answer = session.sub().then(sub => inPlace(() => attempt(options, sub, true)));
    // Like wx.request.
    if (options.success || options.fail || options.complete) {
      answer.then(options.success, options.fail || (() => {})).then(options.complete);
    }
    return answer;
  };
};
