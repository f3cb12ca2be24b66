package identity

import (
	"maps"
	"slices"
)

// ContextClasses are the values of "acr" by the methods of sign-ins (Session.Method), as the operator has set them. A
// sign-in by another method has none.
type ContextClasses map[string]string

// Values returns all values, each once, sorted.
func (c ContextClasses) Values() []string { return slices.Compact(slices.Sorted(maps.Values(c))) }

// Methods returns all methods of sign-ins.
func Methods() []string { return []string{MethodPassword, PlatformWechat, PlatformQQ} }
