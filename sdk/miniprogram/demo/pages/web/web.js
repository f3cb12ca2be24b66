const { handOff } = require('@lingpai/miniprogram/handoff');

const { auth, config } = getApp();

// A page of a site, at which the user of the mini-program is signed in. The site's host must be one of the web-view domains (业务域名) at WeChat, and so must the issuer's.
Page({
  data: { src: '', message: '' },

  onLoad() {
    return handOff(auth, { clientId: config.site })
      .then(src => this.setData({ src, message: '' }), err => this.setData({ message: err.message }));
  },
});
