const { auth, config, platform } = getApp();

Page({
  data: { user: '', message: '', notice: '' },

  onLoad() {
    auth.on('change', user => this.setData({ user: user ? user.sub : '' }));
    auth.on('sessionLost', err => this.setData({ message: err.message }));
    // The session ended, or another party may have used its refresh token.
    auth.on('sessionReplaced', refusal => this.setData({ notice: `已自动重新登录 · Signed in again (${refusal.session_state})` }));
    return this.who();
  },

  // Shows the result of a call, or its error.
  show(work) {
    return work.then(result => this.setData({ message: JSON.stringify(result) }), err => this.setData({ message: `${err.message} (${err.code})` }));
  },

  // Signs in silently if nobody is signed in.
  who() {
    return this.show(auth.user().then(user => {
      this.setData({ user: user.sub });
      return user;
    }));
  },

  login() {
    return this.show(auth.login());
  },

  // The API and the issuer get different tokens of one session.
  orders() {
    return this.show(auth.request({ url: config.api + '/orders' }).then(answer => answer.data));
  },

  sessions() {
    return this.show(auth.request({ url: config.issuer + '/account/v1/sessions' }).then(answer => answer.data));
  },

  // Needs no rule for QR codes at WeChat, which opens pages/scan/scan with the same q. A code from the album can be somebody else's.
  scan() {
    wx.scanCode({ onlyFromCamera: true, success: ({ result }) => wx.navigateTo({ url: '/pages/scan/scan?q=' + encodeURIComponent(result) }) });
  },

  web() {
    wx.navigateTo({ url: '/pages/web/web' });
  },

  logout() {
    return this.show(auth.logout());
  },

  // In tourist mode, DevTools returns no code for a getPhoneNumber button, so the simulator
  // provides one.
  phone({ detail }) {
    const code = platform ? new Promise((success, fail) => platform.phoneCode({ success: answer => success(answer.code), fail })) : Promise.resolve(detail.code);
    return this.show(code.then(auth.bindPhone));
  },
});
