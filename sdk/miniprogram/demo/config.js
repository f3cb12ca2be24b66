// Where the demo signs in. For lingpai dev, copy simulator.url and mini_program.appid from the output of
//   lingpai dev --addr 127.0.0.1:8080 --data DIR --output json
// Without simulator, the demo uses the real wx.login. api is an API that checks tokens, such as the one of
// docs/guide/tokens.md, with a route /orders.
module.exports = {
  issuer: 'http://127.0.0.1:8080',
  clientId: 'dev-mini-program',
  site: 'dev-web',
  api: 'http://127.0.0.1:3000',
  simulator: { url: 'http://127.0.0.1:8081', appid: 'wx0123456789abcdef', user: 'alice' },
};
