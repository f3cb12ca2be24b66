'use strict';

// Messages for users, by code: Chinese, English. Of the server's errors, only those that an app is likely to show are included.
const messages = {
  network: ['网络不可用，请稍后重试', 'The network is not available. Try again later.'],
  invalid_response: ['服务器的响应无法识别，请稍后重试', 'The response of the server could not be read. Try again later.'],
  temporarily_unavailable: ['服务繁忙，请稍后重试', 'The service is busy. Try again later.'],
  server_error: ['服务器出错，请稍后重试', 'Something went wrong on the server. Try again later.'],
  login_failed: ['微信登录失败，请稍后重试', 'WeChat returned no login code. Try again later.'],
  invalid_grant: ['凭据无效或已过期', 'The credentials were refused or have expired.'],
  signed_out: ['尚未登录', 'Not signed in.'],
  session_lost: ['登录已失效，请重新登录', 'The session has ended. Sign in again.'],
  user_changed: ['登录的用户已改变，请求未发送', 'Another user has signed in. The request was not sent.'],
  username_taken: ['用户名已被占用', 'The user name is taken.'],
  weak_password: ['密码太短或太常见', 'The password is too short or too common.'],
  over_budget: ['本月手机号验证次数已用完', 'No more phone numbers can be verified this month.'],
};
const other = ['请求被拒绝', 'The request was refused.'];

// A function and not a class: classes that extend Error lose their prototype when DevTools compiles them to ES5.
function AuthError(code, language, more) {
  const text = messages[code] || other;
  this.name = 'AuthError';
  this.code = code;
  this.message = text[language === 'en' ? 1 : 0];
  this.status = 0;
  this.retryable = false;
  Object.assign(this, more);
  this.stack = new Error(code).stack;
}
AuthError.prototype = Object.create(Error.prototype, { constructor: { value: AuthError } });

module.exports = { AuthError, messages };
