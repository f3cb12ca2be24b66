const { createAuth } = require('@lingpai/miniprogram');
const config = require('./config');
const platform = require('./platform')(config.simulator);

App({
  platform,
  config,
  auth: createAuth({ issuer: config.issuer, clientId: config.clientId, scope: 'openid profile api phone account signin.approve signin.handoff', platform }),
});
