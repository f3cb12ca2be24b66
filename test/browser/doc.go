// Package browser tests the pages in a browser: what they look like on a phone and on a desktop, whether everybody can
// use them, and whether they work without JavaScript; and whether people can sign in and out with them.
package browser
