package redis

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/lingpai/lingpai/identity"
)

// refusal is an error code of Redis with its meaning. It contains nothing else of the server's error, which may repeat
// the command.
type refusal struct{ code, found, advice string }

// Error implements error.
func (r refusal) Error() string {
	text := "redis rejected a command: " + r.code
	if r.found != "" {
		text += ": " + r.found + "; " + r.advice
	}
	return text
}

const (
	allowAdvice = "let the user in redis.url (LINGPAI_REDIS_URL) run SET, GET, DEL, TIME, EVAL and EVALSHA on the " +
		"keys that begin with redis.key_prefix"
	primaryAdvice = "let redis.url (LINGPAI_REDIS_URL) lead to the primary, or name Sentinels or a Cluster; after a " +
		"failover nothing else is needed"
)

// refusals are the codes of servers that answer and do not work.
var refusals = []refusal{
	{"OOM", "it has no memory left", "raise maxmemory, or let other programs use another Redis"},
	{"READONLY", "it is a read-only replica", primaryAdvice},
	{"MASTERDOWN", "it is a replica that has lost its primary", primaryAdvice},
	{"NOREPLICAS", "it has fewer replicas than min-replicas-to-write", "start its replicas, or lower the number"},
	{"MISCONF", "it cannot save its data to its disk", "free space on the disk and see the log of Redis; or, since " +
		"this data may be lost, set stop-writes-on-bgsave-error to no"},
	{"LOADING", "it is reading its data", "wait until it has finished"},
	{"CLUSTERDOWN", "the Cluster lacks a node", "start the node, or repair the Cluster with: redis-cli --cluster fix"},
	{"NOAUTH", "it requires a password", "add the user and the password to redis.url (LINGPAI_REDIS_URL)"},
	{"WRONGPASS", "the user or the password is wrong", "correct them in redis.url (LINGPAI_REDIS_URL)"},
	{"NOPERM", "its user may not do what is needed", allowAdvice},
}

// refused returns what an error of the server means. Within a script, older servers put the code after the script's
// name, and have only a sentence for a command that the user may not run.
func refused(failure redis.Error) refusal {
	text := failure.Error()
	code, _, _ := strings.Cut(text, " ")
	if code == "ERR" && strings.Contains(text, "The user executing the script can't run this command") {
		code = "NOPERM"
	}
	for _, known := range refusals {
		if code == known.code || code == "ERR" && strings.Contains(text, ": -"+known.code+" ") {
			return known
		}
	}
	return refusal{code: code}
}

// Explain returns what an error of a store means and what an operator can do about it, or "" if that is unknown.
func Explain(err error) (found, advice string) {
	known, _ := errors.AsType[refusal](err)
	return known.found, known.advice
}

// CheckWritable returns an error unless Redis counts, as it must for each sign-in; see [Explain].
func (s *Store) CheckWritable(ctx context.Context) error {
	_, _, err := s.AllowAll(ctx, "check", identity.Rate{Key: "check", Uses: 1, Period: time.Second, Lenient: true})
	return err
}
