// Package docs holds no code. Its tests hold the documents of the repository against each other, in both languages,
// and against the files and tests that they name.
package docs
