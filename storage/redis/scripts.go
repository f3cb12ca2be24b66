package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// script is a script that Redis executes atomically.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// takeScript returns and deletes a value, and resets a count. It does not use GETDEL, which older servers do not
// have.
var takeScript = newScript(`
local value = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return value`)

// countScript is the generic cell rate algorithm (GCRA): each use postpones the time at which the key has recovered
// all its uses, to at most limit uses from now. Times are microseconds of the server's clock, which all clients
// share; a double represents them exactly. A time further in the future is from a larger limit or from before the
// clock was set back, and makes nobody wait for more than one use.
var countScript = newScript(`
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

// run runs a script by its hash, and sends its source if the server does not have it.
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
