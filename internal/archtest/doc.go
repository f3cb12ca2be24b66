// Package archtest holds no code. Its tests hold the layout of the repository: which package may import which, what
// names packages have, and how large functions, files, types and packages may become. See docs/architecture.md.
package archtest
