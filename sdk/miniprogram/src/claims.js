'use strict';

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

// Returns the claims of a JWT; {} if it is malformed. The token is not verified: it came from the issuer over TLS, and only services need to verify it.
module.exports = token => {
  try {
    const bits = String(token).split('.')[1].replace(/./g, digit => (digits.indexOf(digit) + 64).toString(2).slice(1));
    const text = bits.match(/.{8}/g).map(byte => '%' + (parseInt(byte, 2) + 256).toString(16).slice(1)).join('');
    return Object(JSON.parse(decodeURIComponent(text)));
  } catch (err) {
    return {};
  }
};
