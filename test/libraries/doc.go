// Package libraries tests that client libraries of OpenID Connect sign users in at Lingpai, refresh their tokens and
// sign them out, in a browser. docs/guide/browsers.md has the results.
package libraries
