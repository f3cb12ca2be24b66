// Package docs has no code. Its tests compare the documents of the repository in both languages, and check them
// against the files and tests that they name.
package docs
