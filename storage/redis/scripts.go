package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// script is one step for Redis, whatever it does.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// taking gets and deletes a value, and forgets a count. GETDEL is younger than servers in use.
var taking = newScript(`
local value = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return value`)

// counting is GCRA: each use moves the instant at which the key has recovered all its uses, which may lie no
// further ahead than limit uses. Instants are microseconds of the server's clock, which all share; a double
// holds them exactly. An instant that lies further ahead is of a larger limit or of a clock that was set
// back, and keeps nobody waiting for more than one use.
var counting = newScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local each, all = tonumber(ARGV[1]), ARGV[1] * ARGV[2]
local recovered = math.min(tonumber(redis.call('GET', KEYS[1]) or now), now + all)
local ahead = math.max(recovered - now, 0) + each
if ahead > all then
  return ahead - all
end
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX',
  string.format('%.0f', math.floor(ahead / 1000) + 1))
return 0`)

// run runs a script by its hash, and sends it again when the server has not seen it or has forgotten it.
func (s *Store) run(ctx context.Context, script script, names []string, args ...any) *redis.Cmd {
	words := []any{"EVALSHA", script.hash, len(names)}
	for _, name := range names {
		words = append(words, name)
	}
	words = append(words, args...)
	answer := s.send(ctx, words...)
	if redis.HasErrorPrefix(answer.Err(), "NOSCRIPT") {
		words[0], words[1] = "EVAL", script.source
		answer = s.send(ctx, words...)
	}
	return answer
}
