// Package pushes receives the messages that WeChat pushes about apps, and applies those by which WeChat reports that
// users have withdrawn permissions. It answers that a push was received only when everything that it requires is done.
package pushes
