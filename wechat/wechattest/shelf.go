package wechattest

// A shelf is a map with a limit: a new entry beyond it displaces the oldest.
type shelf[K comparable, V any] struct {
	limit  int
	values map[K]V
	order  []K // oldest first
}

func newShelf[K comparable, V any](limit int) *shelf[K, V] {
	return &shelf[K, V]{limit: limit, values: map[K]V{}}
}

func (s *shelf[K, V]) get(key K) (V, bool) {
	value, found := s.values[key]
	return value, found
}

func (s *shelf[K, V]) put(key K, value V) {
	if _, found := s.values[key]; !found {
		if len(s.order) >= s.limit {
			s.dropOldest()
		}
		s.order = append(s.order, key)
	}
	s.values[key] = value
}

// dropWhile drops entries, oldest first, until one is to be kept.
func (s *shelf[K, V]) dropWhile(stale func(V) bool) {
	for len(s.order) > 0 && stale(s.values[s.order[0]]) {
		s.dropOldest()
	}
}

func (s *shelf[K, V]) dropOldest() {
	delete(s.values, s.order[0])
	s.order = s.order[1:]
}
