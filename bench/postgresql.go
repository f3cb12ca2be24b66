package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

const (
	postgresqlVariable = "LINGPAI_TEST_POSTGRES"
	postgresqlUsual    = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
	// poolSize is the server's default number of connections.
	poolSize = 10
	// adminTimeout limits calls to PostgreSQL and Redis at the beginning and the end.
	adminTimeout = 30 * time.Second
)

// postgresqlStore is a database that the bench created, and a prefix of keys in Redis.
type postgresqlStore struct {
	server, name, url string
	redis             *redisKeys
	own               *sql.DB // the bench's own connection
	cores             cores
	moved             map[int]bool // processes of PostgreSQL that were moved off the server's core
}

// openPostgreSQL creates a database. The caller removes it.
func openPostgreSQL(ctx context.Context, cores cores) (store, error) {
	s := &postgresqlStore{server: cmp.Or(os.Getenv(postgresqlVariable), postgresqlUsual), cores: cores,
		moved: map[int]bool{}}
	s.name = fmt.Sprintf("lingpai_bench_%016x", rand.Uint64())
	address, err := url.Parse(s.server)
	if err != nil {
		return nil, errors.New(postgresqlVariable + " is not the URL of a PostgreSQL database")
	}
	if s.redis, err = openRedis(ctx, s.name); err != nil {
		return nil, err
	}
	if err := s.administer(ctx, "CREATE DATABASE "+s.name); err != nil {
		return nil, errors.Join(fmt.Errorf(
			"no PostgreSQL where a database can be created; start one, or set %s: %w", postgresqlVariable,
			err), s.redis.remove())
	}
	address.Path = "/" + s.name
	s.url = address.String()
	if s.own, err = sql.Open("pgx", s.url); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	s.own.SetMaxOpenConns(1)
	return s, nil
}

// administer executes a statement in another database, since CREATE and DROP DATABASE allow no connection to it.
func (s *postgresqlStore) administer(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	server, err := sql.Open("pgx", s.server)
	if err != nil {
		return err
	}
	defer server.Close()
	_, err = server.ExecContext(ctx, statement)
	return err
}

func (s *postgresqlStore) environment() []string {
	return append(s.redis.environment(), "LINGPAI_DATABASE_URL="+s.url, "LINGPAI_DATABASE_CONNECTIONS="+
		strconv.Itoa(poolSize))
}

func (s *postgresqlStore) readState(ctx context.Context) (seen state, err error) {
	const query = `SELECT pg_database_size(current_database()), (SELECT count(*) FROM sessions),
			coalesce(n_tup_upd, 0), coalesce(n_tup_hot_upd, 0)
		FROM pg_stat_user_tables WHERE relname = 'sessions'`
	if err = s.own.QueryRowContext(ctx, query).Scan(&seen.Bytes, &seen.Sessions, &seen.Updates,
		&seen.HOTUpdates); err != nil {
		err = fmt.Errorf("looking at the database: %w", err)
	}
	return seen, err
}

func (s *postgresqlStore) sessionBytes(ctx context.Context) (int64, error) {
	return count(ctx, s.own, "SELECT pg_total_relation_size('sessions')")
}

// cpu returns the CPU time of the processes of the server's connections. It checks the names of processes, since
// PostgreSQL may be on another machine. It moves the processes off the server's core if that is allowed.
func (s *postgresqlStore) cpu() map[int]time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	rows, err := s.own.QueryContext(ctx,
		"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		return nil
	}
	defer rows.Close()
	used := map[int]time.Duration{}
	for rows.Next() {
		var pid int
		if rows.Scan(&pid) != nil || programName(pid) != "postgres" {
			continue
		}
		if !s.moved[pid] {
			s.moved[pid] = true
			_ = s.cores.move(ctx, pid) // if this is not allowed, the server's own CPU is still measured
		}
		if cpu, known := cpuTime(pid); known {
			used[pid] = cpu
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return used
}

// open disables durability, which the bench does not need.
func (s *postgresqlStore) open(context.Context) (*sql.DB, bulkWords, error) {
	address, err := url.Parse(s.url)
	if err != nil {
		return nil, bulkWords{}, err
	}
	query := address.Query()
	query.Set("synchronous_commit", "off")
	address.RawQuery = query.Encode()
	database, err := sql.Open("pgx", address.String())
	return database, bulkWords{list: "json_array_elements_text($1)", second: "$2"}, err
}

// maintain does the work of autovacuum. It makes no checkpoint, which needs a privilege.
func (s *postgresqlStore) maintain(ctx context.Context) error {
	_, err := s.own.ExecContext(ctx, "VACUUM (ANALYZE)")
	_, _ = s.own.ExecContext(ctx, "CHECKPOINT")
	return err
}

// remove drops the database, even if there are connections or the bench was interrupted.
func (s *postgresqlStore) remove() error {
	if s.own != nil {
		_ = s.own.Close()
	}
	return errors.Join(s.administer(context.Background(), "DROP DATABASE IF EXISTS "+s.name+" WITH (FORCE)"),
		s.redis.remove())
}

const (
	redisVariable = "LINGPAI_TEST_REDIS"
	redisUsual    = "redis://127.0.0.1:6379"
)

// redisKeys are the keys of one server in a shared Redis.
type redisKeys struct {
	url, prefix string
	client      *redis.Client
}

// openRedis checks that Redis answers. The caller removes the keys.
func openRedis(ctx context.Context, name string) (*redisKeys, error) {
	logging.Disable()
	k := &redisKeys{url: cmp.Or(os.Getenv(redisVariable), redisUsual), prefix: name + ":"}
	options, err := redis.ParseURL(k.url)
	if err != nil {
		return nil, errors.New(redisVariable + " is not the URL of a Redis")
	}
	k.client = redis.NewClient(options)
	if err := k.client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf(
			"no Redis, which servers with the same PostgreSQL share; start one, or set %s: %w",
			redisVariable, err), k.client.Close())
	}
	return k, nil
}

func (k *redisKeys) environment() []string {
	return []string{"LINGPAI_REDIS_URL=" + k.url, "LINGPAI_REDIS_KEY_PREFIX=" + k.prefix}
}

// remove deletes the keys and disconnects.
func (k *redisKeys) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	found := k.client.Scan(ctx, 0, k.prefix+"*", 1000).Iterator()
	var problems []error
	for found.Next(ctx) {
		problems = append(problems, k.client.Unlink(ctx, found.Val()).Err())
	}
	return errors.Join(append(problems, found.Err(), k.client.Close())...)
}
