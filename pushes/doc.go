// Package pushes receives the messages that WeChat pushes about apps, and applies those by which WeChat reports that
// users have withdrawn permissions. It answers that such a message was received when it is stored, and applies it
// afterwards, so that WeChat need not wait and nothing that was acknowledged is lost.
package pushes
