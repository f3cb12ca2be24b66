// Package pages renders what people see in a browser: sign-in, consent, errors. A page is a value of one of the types
// in views.go; the words are in words/*.json, and the templates decide nothing but what is shown.
//
// Every page works without JavaScript, makes requests to no other host, and has at most 30 KiB together with its style
// sheet and logo.
package pages
