'use strict';

// A real issuer and its WeChat simulator over HTTP, behind wx.request.

const http = require('http');

const { env } = process;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

// send takes the options of wx.request.
exports.send = ({ url, method = 'GET', header = {}, data }) => new Promise((resolve, reject) => {
  const body = data === undefined || typeof data === 'string' ? data : JSON.stringify(data);
  const type = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const request = http.request(url, { method, agent, headers: Object.assign(type, header) }, answer => {
    let text = '';
    answer.setEncoding('utf8').on('data', part => { text += part; }).on('error', reject).on('end', () => {
      let parsed = text;
      try {
        parsed = JSON.parse(text);
      } catch (err) { /* stays text, as with wx.request */ }
      resolve({ statusCode: answer.statusCode, header: answer.headers, data: parsed });
    });
  });
  request.on('error', reject).end(body);
});

exports.server = { issuer: env.ISSUER, simulator: env.SIMULATOR, appid: env.APP_ID, clientId: env.MINI_PROGRAM };

// demo returns the configuration of the demo, for a user of WeChat.
exports.demo = (user, api) => ({ api, issuer: env.ISSUER, clientId: env.MINI_PROGRAM, simulator: { url: env.SIMULATOR, appid: env.APP_ID, user } });

// mint returns a code, like wx.login.
exports.mint = async user => (await exports.send({ url: `${env.SIMULATOR}/_sim/codes`, method: 'POST', data: { appid: env.APP_ID, user } })).data.code;

// refresh sends a refresh token as someone who has copied it, with a key or without one.
exports.refresh = (token, key) => exports.send({
  url: exports.server.issuer + '/token', method: 'POST',
  header: Object.assign({ 'content-type': 'application/x-www-form-urlencoded' }, key ? { 'idempotency-key': key } : {}),
  data: `grant_type=refresh_token&client_id=${env.MINI_PROGRAM}&refresh_token=${token}`,
});

exports.claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
