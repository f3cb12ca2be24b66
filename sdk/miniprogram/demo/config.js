// Where the demo signs in. For lingpai dev, copy simulator.url and mini_program.appid from the output of
//   lingpai dev --addr 127.0.0.1:8080 --data DIR --output json
// The simulator uses a different port at each start. Without simulator, the demo uses the real
// wx.login.
module.exports = {
  issuer: 'http://127.0.0.1:8080',
  clientId: 'dev-mini-program',
  simulator: { url: 'http://127.0.0.1:8081', appid: 'wx0123456789abcdef', user: 'alice' },
};
