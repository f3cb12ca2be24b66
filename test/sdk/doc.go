// Package sdk tests the SDKs with the server of the same commit: sdk/verify, which is a module of its own, and
// sdk/miniprogram, which is JavaScript.
package sdk
