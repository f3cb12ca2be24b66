// Package archtest contains only tests. They check the layout of the repository: the allowed imports of packages,
// their names, and the size of functions, files, types and packages. See docs/architecture.md.
package archtest
