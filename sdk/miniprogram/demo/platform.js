// With the simulator, codes come from it; everything else is from wx.
const mint = (simulator, kind) => ({ success, fail }) => wx.request({
  url: `${simulator.url}/_sim/${kind}`,
  method: 'POST',
  data: { appid: simulator.appid, user: simulator.user },
  success: ({ statusCode, data }) => (statusCode === 200 ? success({ code: data.code }) : fail({ errMsg: data.error })),
  fail,
});

module.exports = simulator => (simulator ? { login: mint(simulator, 'codes'), phoneCode: mint(simulator, 'phone_codes') } : undefined);
