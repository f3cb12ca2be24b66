package wechattest

import "slices"

// A limitedMap is a map with a limit: a new entry beyond it displaces the oldest.
type limitedMap[K comparable, V any] struct {
	limit  int
	values map[K]V
	order  []K // oldest first
}

func newLimitedMap[K comparable, V any](limit int) *limitedMap[K, V] {
	return &limitedMap[K, V]{limit: limit, values: map[K]V{}}
}

func (s *limitedMap[K, V]) get(key K) (V, bool) {
	value, found := s.values[key]
	return value, found
}

func (s *limitedMap[K, V]) put(key K, value V) {
	if _, found := s.values[key]; !found {
		if len(s.order) >= s.limit {
			s.dropOldest()
		}
		s.order = append(s.order, key)
	}
	s.values[key] = value
}

// newest returns the entries that were added last, the newest first, at most so many.
func (s *limitedMap[K, V]) newest(most int) []V {
	values := make([]V, 0, min(most, len(s.order)))
	for _, key := range slices.Backward(s.order[max(0, len(s.order)-most):]) {
		values = append(values, s.values[key])
	}
	return values
}

// lastMade returns the last 100 entries of a map that belongs to a platform, the newest first.
func lastMade[V any](s *platform, made *limitedMap[string, V]) []V {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return made.newest(100)
}

// dropWhile drops entries, oldest first, until one is to be kept.
func (s *limitedMap[K, V]) dropWhile(stale func(V) bool) {
	for len(s.order) > 0 && stale(s.values[s.order[0]]) {
		s.dropOldest()
	}
}

func (s *limitedMap[K, V]) dropOldest() {
	delete(s.values, s.order[0])
	s.order = s.order[1:]
}
