package admin

import (
	"reflect"
	"strings"
)

// Change is a field of a record that an update changed.
type Change struct {
	Field  string `json:"field"` // as in the record's view
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// changesOf returns the members in which two views of a record differ. Lists without elements are equal.
func changesOf[V any](before, after V) (changes []Change) {
	was, is := reflect.ValueOf(before), reflect.ValueOf(after)
	for n := range was.NumField() {
		a, b := was.Field(n), is.Field(n)
		empty := a.Kind() == reflect.Slice && a.Len()+b.Len() == 0
		if empty || reflect.DeepEqual(a.Interface(), b.Interface()) {
			continue
		}
		field, _, _ := strings.Cut(was.Type().Field(n).Tag.Get("json"), ",")
		changes = append(changes, Change{field, a.Interface(), b.Interface()})
	}
	return changes
}
