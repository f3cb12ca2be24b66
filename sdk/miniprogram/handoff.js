'use strict';

// Where Node and bundlers look for @lingpai/miniprogram/handoff. DevTools takes the file in dist.
module.exports = require('./dist/handoff');
