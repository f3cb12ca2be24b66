'use strict';

// Messages for users, by the reason of a refusal: Chinese, English.
const messages = {
  unknown_code: ['这不是登录二维码', 'This is not a code to sign in with.'],
  expired: ['二维码已过期，请扫描屏幕现在显示的', 'The code has expired. Scan the one that the screen shows now.'],
  taken: ['二维码已被扫描，请让屏幕换一个', 'The code was scanned already. Let the screen show a new one.'],
  decided: ['这次登录已被允许或拒绝', 'This sign-in was already allowed or declined.'],
  not_scanned: ['请先扫描二维码', 'Scan the code first.'],
  wrong_number: ['数字不一致，没有允许登录', 'That is another number: nobody was signed in.'],
  from_picture: ['请用相机扫描屏幕上的二维码', 'Scan the code on the screen with the camera.'],
  from_link: ['请在本机浏览器里重新登录', 'Start again in the browser of this phone.'],
};

// Returns the handle in the options of a page: of the address in an ordinary QR code (q), which must be one of the issuer, or of a mini-program code (scene) or a link (scan). Returns '' if there is none.
const handleIn = ({ q, scene, scan }, issuer) => {
  const before = q ? issuer + '/scan/' : '';
  try {
    const text = decodeURIComponent(q || scene || scan);
    return text.indexOf(before) ? '' : /^[\w-]{32}$/.exec(text.slice(before.length))[0];
  } catch (err) {
    return '';
  }
};

// Returns how WeChat has come by the code. Elsewhere it may be no number.
const sceneOf = platform => {
  const name = ['getEnterOptionsSync', 'getLaunchOptionsSync'].filter(platform.has)[0];
  return name && Number(platform.host(name)[name]().scene);
};

// Looks at a code that the user has scanned to sign in on a screen.
const scan = (auth, options) => {
  const { config, platform, http, call } = auth.internal;

  const explain = err => {
    const known = messages[err.scan || err.code];
    if (known) err.message = known[+config.english];
    throw err;
  };
  const handle = handleIn(Object(options), config.issuer);
  const send = (what, fields) => call('/scan/' + what, Object.assign({ scan: handle }, fields)).catch(explain);
  const decide = (what, fields) => send(what, fields).then(() => undefined);

  if (!handle) return Promise.reject(http.fail('unknown_code', { description: 'q is no address of a code of ' + config.issuer + ', and scene or scan no handle' })).catch(explain);
  return send('look', { scene: sceneOf(platform), ui_locales: config.english ? 'en' : 'zh' }).then(found => {
    if (!found.client_name) throw http.fail('invalid_response', { retryable: true });
    const screen = Object.assign({ numbers: [] }, found);
    return {
      screen,
      // A wrong number declines, so a number that was not to be chosen is the app's mistake.
      approve: number => (screen.numbers.length > 1 && screen.numbers.indexOf(Number(number)) < 0
        ? Promise.reject(new TypeError('approve needs one of the numbers')) : decide('approve', { number })),
      // A handler of an event gets an object.
      decline: report => decide('decline', { report: report === true }),
    };
  });
};

module.exports = { scan };
