'use strict';

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

// Returns the claims of a JWT; {} if it is malformed. The token is not verified: it came from the issuer over TLS, and only services need to verify it.
module.exports = token => {
  try {
    let bits = 0;
    let size = 0;
    const text = String(token).split('.')[1].replace(/./g, digit => {
      bits = (bits << 6) | digits.indexOf(digit);
      size += 6;
      if (size < 8) return '';
      size -= 8;
      return '%' + (((bits >> size) & 255) + 256).toString(16).slice(1);
    });
    return Object(JSON.parse(decodeURIComponent(text)));
  } catch (err) {
    return {};
  }
};
