'use strict';

// Messages for users, by code: Chinese, English. Of the server's errors, only those that an app is likely to show and that are no outage are included.
const messages = {
  network: ['网络不可用，请稍后重试', 'No network. Try again later.'],
  domain_not_listed: ['请把域名加入 request 合法域名', 'Add the domain to the request domains.'],
  tourist_appid: ['请填写 AppID，游客不能登录', 'Set an AppID: tourists cannot sign in.'],
  user_blocked: ['微信禁止该用户登录，请联系客服', 'WeChat blocks this user. Contact support.'],
  phone_declined: ['请重新点击并允许使用手机号', 'Tap again and allow the phone number.'],
  invalid_grant: ['凭据无效或已过期', 'The credentials are invalid or have expired.'],
  signed_out: ['尚未登录', 'Not signed in.'],
  session_lost: ['登录已失效，请重新登录', 'The session has ended. Sign in again.'],
  user_changed: ['用户已改变，请求未发送', 'Another user has signed in: nothing was sent.'],
  username_taken: ['用户名已被占用', 'The user name is taken.'],
  weak_password: ['密码太短或太常见', 'The password is too short or common.'],
  over_budget: ['本月手机号验证次数已用完', 'No more phone numbers this month.'],
};
const refused = ['请求被拒绝', 'The request was refused.'];
const busy = ['服务繁忙，请稍后重试', 'The service is busy. Try again later.'];

// A function and not a class: classes that extend Error lose their prototype when DevTools compiles them to ES5.
function AuthError(code, english, more) {
  Object.assign(this, { status: 0, retryable: false }, more);
  this.name = 'AuthError';
  this.code = this.wechat_errcode === 40226 ? 'user_blocked' : code;
  this.message = (messages[this.code] || (this.retryable ? busy : refused))[english ? 1 : 0];
  // As in the answer of wx.request.
  const cause = Object(this.cause);
  this.errMsg = cause.errMsg || 'request:fail ' + code;
  this.errno = cause.errno;
  this.stack = new Error(code).stack;
}
AuthError.prototype = Object.create(Error.prototype, { constructor: { value: AuthError } });

module.exports = { AuthError, messages };
