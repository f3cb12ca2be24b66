'use strict';

// Where Node and bundlers look for @lingpai/miniprogram/scan. DevTools takes the file in dist.
module.exports = require('./dist/scan');
