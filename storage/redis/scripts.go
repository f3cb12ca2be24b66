package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// script is a script that Redis executes atomically.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// takeScript returns and deletes a value. It does not use GETDEL, which older servers do not have.
var takeScript = newScript(`
local value = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return value`)

// rates has the functions of both scripts that count. Times are microseconds of the server's clock, which all clients
// share; a double represents them exactly. A time further in the future is from a larger limit or from before the clock
// was set back, and makes nobody wait for more than one use.
const rates = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function read(n)
  local each, uses = tonumber(ARGV[3 * n - 2]), tonumber(ARGV[3 * n - 1])
  local recovered = math.min(tonumber(redis.call('GET', KEYS[n]) or now), now + each * uses)
  return each, each * uses, math.max(recovered - now, 0)
end
local function write(n, ahead)
  redis.call('SET', KEYS[n], string.format('%.0f', now + ahead), 'PX',
    string.format('%.0f', math.floor(ahead / 1000) + 1))
end`

// countScript is the generic cell rate algorithm (GCRA): each use postpones the time at which the key has recovered
// all its uses, to at most a period from now.
var countScript = newScript(rates + `
local wait, longest, ahead = 0, 0, {}
for n = 1, #KEYS do
  local each, all, before = read(n)
  ahead[n] = before + each
  if ARGV[3 * n] == '1' then
    ahead[n] = math.min(ahead[n], all)
  end
  if ahead[n] - all > wait then
    wait, longest = ahead[n] - all, n - 1
  end
end
if wait == 0 then
  for n = 1, #KEYS do
    write(n, ahead[n])
  end
end
return {wait, longest}`)

// giveBackScript takes back one use of each rate.
var giveBackScript = newScript(rates + `
for n = 1, #KEYS do
  local each, _, ahead = read(n)
  if ahead > each then
    write(n, ahead - each)
  else
    redis.call('DEL', KEYS[n])
  end
end
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
