'use strict';

// Opens the demo's page with a web-view as a user of WeChat, without a screen, against a real issuer and its simulator. It prints the address that the web-view shows.

const { Phone } = require('./support/demo');
const { send, demo } = require('./support/server');

const { WECHAT_USER: user, SITE: site, APP_LANGUAGE: language } = process.env;
const page = new Phone({ wechatUser: user, language, network: send }).start(Object.assign(demo(user), { site }), 'web');

page.onLoad().then(() => {
  if (!page.data.src) throw new Error(page.data.message);
  console.log(page.data.src);
});
