'use strict';

// Returns 16 random bytes in hexadecimal, or '' if the host has no secure source: with Math.random, others could repeat a request.
module.exports = platform => {
  const draw = () => {
    const bytes = platform.has('getRandomValues')
      ? platform.call('getRandomValues', { length: 16 }, 2000).then(answer => answer.randomValues)
      : Promise.resolve().then(() => platform.host('random').random(16));
    return bytes.then(given => {
      const text = Array.from(new Uint8Array(given), byte => (byte + 256).toString(16).slice(1)).join('');
      return text.length < 32 ? '' : text.slice(0, 32);
    }).catch(() => '');
  };
  // A source that repeats itself would give all tokens of an installation the same key.
  let first;
  return () => Promise.all([first || (first = draw()), draw()]).then(drawn => (drawn[0] === drawn[1] ? '' : drawn[1]));
};
