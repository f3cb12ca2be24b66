// Where the demo signs in. With lingpai dev, copy simulator.url and mini_program.appid from what
//   lingpai dev --addr 127.0.0.1:8080 --data DIR --output json
// prints; the simulator has another port at each start. Without simulator, wx.login of real WeChat is used.
module.exports = {
  issuer: 'http://127.0.0.1:8080',
  clientId: 'dev-mini-program',
  simulator: { url: 'http://127.0.0.1:8081', appid: 'wx0123456789abcdef', user: 'alice' },
};
