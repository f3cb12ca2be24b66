const { scan } = require('@lingpai/miniprogram/scan');

const { auth } = getApp();

// What has come of it.
const outcomes = {
  approved: '已允许。请在屏幕上继续，现在可以关闭此页面。',
  opened: '已允许。请回到浏览器继续。',
  denied: '没有允许登录。现在可以关闭此页面。',
  reported: '没有允许登录，来自该地址的其他二维码也已全部失效。',
};

Page({
  // state: loading, asking, done or failed. Only in the last one, repeatable reports whether the code can be looked at again.
  data: { state: 'loading', screen: {}, message: '', repeatable: false, busy: false },

  // WeChat opens this page with the address of an ordinary QR code as q, with the handle of a mini-program code as scene, or with that of a link as scan.
  onLoad(options) {
    this.query = options;
    return this.look();
  },

  look() {
    this.setData({ state: 'loading', message: '' });
    return scan(auth, this.query).then(found => {
      this.found = found;
      this.setData({ state: 'asking', screen: found.screen });
    }, err => this.setData({ state: 'failed', message: err.message, repeatable: err.retryable }));
  },

  choose({ currentTarget }) {
    return this.decide('approved', () => this.found.approve(currentTarget.dataset.number));
  },

  allow() {
    return this.decide('approved', () => this.found.approve());
  },

  deny() {
    return this.decide('denied', () => this.found.decline());
  },

  report() {
    return this.decide('reported', () => this.found.decline(true));
  },

  // Sends a decision once, however often somebody taps. After a retryable error the user may decide again.
  decide(outcome, send) {
    if (this.data.busy) return undefined;
    this.setData({ busy: true, message: '' });
    const done = outcomes[this.query.scan && outcome === 'approved' ? 'opened' : outcome];
    return send().then(() => ({ state: 'done', message: done }),
      err => ({ state: err.retryable ? 'asking' : 'failed', message: err.message, repeatable: false }))
      .then(result => this.setData(Object.assign({ busy: false }, result)));
  },
});
