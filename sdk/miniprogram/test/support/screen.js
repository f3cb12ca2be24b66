'use strict';

// A browser on a computer, at the page of a real issuer that shows a code to scan.

const { createHash, randomBytes } = require('crypto');
const { send, server } = require('./server');

const unescaped = text => text.replace(/&amp;/g, '&');

// The User-Agent of a browser that cannot scan its own screen.
const desktop = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

class Screen {
  // client has the redirect URI; at is the screen's IP address, if it is not this machine's.
  constructor(client, redirectURI, at) {
    const challenge = createHash('sha256').update(randomBytes(32).toString('hex')).digest('base64url');
    this.request = `/authorize?${new URLSearchParams({
      response_type: 'code', client_id: client, redirect_uri: redirectURI, scope: 'openid', state: 's', code_challenge: challenge, code_challenge_method: 'S256',
    })}`;
    this.header = { 'User-Agent': desktop, ...(at && { 'X-Forwarded-For': at }) };
    this.cookies = {};
  }

  // Follows redirects within the issuer, and returns the page.
  async get(path) {
    const cookie = Object.keys(this.cookies).map(name => `${name}=${this.cookies[name]}`).join('; ');
    const answer = await send({ url: server.issuer + path, header: { ...this.header, cookie } });
    (answer.header['set-cookie'] || []).forEach(line => {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies[name] = value;
    });
    const next = answer.header.location;
    if (next && next.startsWith('/')) return this.get(next);
    this.path = path;
    return answer.data;
  }

  // Shows a new code, and keeps the address in it and its number.
  async show() {
    const signIn = await this.get(this.request);
    const page = await this.get(unescaped(/<a id="way-scan"[^>]* href="([^"]*)"/.exec(signIn)[1]));
    this.handle = /screen=([\w-]{32})/.exec(this.path)[1];
    this.address = `${server.issuer}/scan/${this.handle}`;
    this.number = Number(/id="scan-number"[^>]*>(\d\d)</.exec(page)[1]);
    return this;
  }

  // Returns how far the page says that the code has come: shown, scanned, approved, or over.
  async state() {
    const page = await this.get(this.path);
    return /id="scan-continue"/.test(page) ? 'approved' : /id="scan-again"/.test(page) ? 'over' : /class="qr"/.test(page) ? 'shown' : 'scanned';
  }
}

exports.Screen = Screen;
