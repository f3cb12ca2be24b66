// Package browser serves the authorization endpoint and its pages over HTTP. What a request is answered with is decided
// by package authorize, and how it looks by package pages.
package browser
