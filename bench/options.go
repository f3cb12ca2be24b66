package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const usage = `Usage: go run ./bench [flags]

Builds lingpai, runs it in a process of its own with a WeChat simulator, and requests tokens in a closed
loop: every connection sends its next request when it has the answer to the last. It prints, for each
workload, the server's CPU time for one answer, in microseconds and in units of RSA-2048 signatures.

  refresh_token        each connection refreshes a session of its own repeatedly
  client_credentials   a client gets tokens for itself: there is no user, and nothing is written
  wechat_code          users who have signed in before sign in again, with a fresh code each
  password             a confidential client signs a user in; nearly all of the cost is the argon2id hash
  introspect           a client introspects an access token: its signature is checked and its session looked up
  token_exchange       an API exchanges an access token of a user for one that calls another API
  authorization_code   the browser of a user who is signed in fetches a code, which a client exchanges: two
                       requests, and two signatures, since there is an ID token, too
  sign_in_page         a browser loads the page that asks for name and password
  jwks                 GET of the key set, as resource servers do

No other workload requests an ID token, so a token needs one signature. The server has one core (GOMAXPROCS=1,
and pinned where taskset exists); the simulator, this program and, where that is allowed, the connections of
PostgreSQL have the others. CPU is measured on Linux only. Compared measurements alternate, so that a change
of the machine's speed affects all of them. Tables have medians, with the lowest and highest values in
brackets. With "go run -tags openssl ./bench" the server is built with that tag too, and a signature by
OpenSSL is also measured; the unit is still a signature by Go. Goals: with Go, client_credentials costs at
most 1.15 signatures by Go, including their verification, and refresh_token on PostgreSQL 1.30; with OpenSSL,
they cost at most 1.6 and 2.2 signatures by OpenSSL, without their verification. With OpenSSL and PostgreSQL,
authorization_code costs at most 3.2 signatures with their verification, and 1.15 times as much as
refresh_token, introspect and one such signature together; sign_in_page is answered at least 0.8 times as
often as introspect.

  -store postgresql    PostgreSQL and Redis instead of an SQLite file; all: both, each with a server of its
                       own, in one table of results. LINGPAI_TEST_POSTGRES and LINGPAI_TEST_REDIS are their URLs;
                       the default is the usual ports on this machine. The bench creates databases and keys of
                       its own, and removes them when it ends or is interrupted. PostgreSQL's CPU has a column
                       of its own.

These flags compare one workload under different conditions instead:

  -growth              refresh_token with 1000, 10000 and 100000 sessions in the store (-sessions 1000,1000000
                       for other sizes), refreshed at random all over the table. A refresh should take as long
                       in a large store as in a small one (median within 1.2 times), add no row, and fit
                       into its page: the share of updates that PostgreSQL calls HOT, which touch no index,
                       should be 0.95 or more.
  -crowd               refresh_token, and sign-ins of known and new users, over -connections and over eight
                       times as many: far more requests at once than the server has connections to PostgreSQL
                       (10). Answers may take longer then, but none may fail, and none may take longer than
                       four seconds.
  -signers             the workloads with two builds of the server, with and without the tag openssl. It
                       prints by which factor the tag increases the rates of tokens and of signatures;
                       the factor of signatures is the upper limit for the other.
  -flood               refresh_token with and without a concurrent flood of password sign-ins, each from
                       another address, at twice the rate that the core could hash. The p99 of refreshes should be
                       at most three times the one without the flood.

Flags:
`

const (
	sqliteName     = "sqlite"
	postgresqlName = "postgresql"
	allName        = "all"
)

// crowdFactor is the number of connections of a crowd, as a multiple of -connections.
const crowdFactor = 8

type options struct {
	seconds       float64
	runs          int
	connections   []int
	only          string
	store         string
	growth, crowd bool
	flood         bool
	signers       bool
	sizes         []int // numbers of sessions, for -growth
	logLevel      string
	folder        string
	json, plot    string
	sign, hash    bool
	signLibrary   bool

	// Only tests change these: how often a server starts, how long it settles then, and programs that are already
	// built; nil: build them.
	starts   int
	settling time.Duration
	built    []program
}

func parseOptions(arguments []string, help io.Writer) (options, error) {
	o := options{starts: usualStarts, settling: usualSettling}
	var connections, sessions string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.Usage = func() {
		fmt.Fprint(help, usage)
		flags.PrintDefaults()
	}
	flags.Float64Var(&o.seconds, "seconds", 5,
		"measured `seconds` of a workload in each run; the warm-up takes a fifth of that in addition")
	flags.IntVar(&o.runs, "runs", 5, "the number of runs, each of which measures everything once")
	flags.StringVar(&connections, "connections", "8",
		"persistent `connections`, several numbers to compare them; password uses at most two, since a "+
			"server limits the hashing for one caller")
	flags.StringVar(&o.only, "only", strings.Join(workloadNames(), ","), "workloads to run")
	flags.StringVar(&o.store, "store", sqliteName,
		"where the server keeps users and sessions: sqlite, postgresql or all")
	flags.BoolVar(&o.growth, "growth", false, "compare small and large stores instead")
	flags.StringVar(&sessions, "sessions", "1000,10000,100000", "`sizes` of the stores that -growth compares")
	flags.BoolVar(&o.crowd, "crowd", false, "compare few and many connections instead")
	flags.BoolVar(&o.flood, "flood", false, "compare refreshes with and without a flood of passwords instead")
	flags.BoolVar(&o.signers, "signers", false, "compare the builds with and without the tag openssl")
	flags.StringVar(&o.logLevel, "log-level", "warn",
		"the server's log level; at info, the default of lingpai serve, it logs a line for every token")
	flags.StringVar(&o.folder, "folder", "",
		"the folder for SQLite's files; default the system's folder for temporary files")
	flags.StringVar(&o.json, "json", "", "also write all figures to this `file`")
	flags.StringVar(&o.plot, "plot", "", "also draw the cost of answers in this SVG `file`")
	flags.BoolVar(&o.sign, "sign", false, "only measure signatures in this process; the program runs itself with it")
	flags.BoolVar(&o.signLibrary, "sign-library", false,
		"only measure signatures of this build in this process; the program runs itself with it")
	flags.BoolVar(&o.hash, "hash", false,
		"only measure password hashes in this process; the program runs itself with it")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	var err error
	if o.connections, err = parseNumbers("connections", connections, 1, 64); err != nil {
		return o, err
	}
	if o.sizes, err = parseNumbers("sessions", sessions, 2, 100_000_000); err != nil {
		return o, err
	}
	return o, o.check(flags.NArg())
}

func (o options) check(rest int) error {
	switch {
	case rest > 0:
		return errors.New("arguments other than flags are not supported; see -h")
	case o.seconds < 0.1 || o.seconds > 60 || math.IsNaN(o.seconds):
		return errors.New("-seconds: 0.1 to 60")
	case o.runs < 1 || o.runs > 1000:
		return errors.New("-runs: 1 to 1000")
	case !slices.Contains([]string{sqliteName, postgresqlName, allName}, o.store):
		return fmt.Errorf("-store: %q is not sqlite, postgresql or all", o.store)
	case o.experiments() > 1:
		return errors.New("-growth, -crowd, -flood, -signers: one at a time")
	case o.signers && !withLibrary():
		return errors.New("-signers: this build has Go's signer only; use go run -tags openssl ./bench -signers")
	case o.signers && o.plot != "":
		return errors.New("-plot: not with -signers")
	case len(o.connections) > 1 && (o.growth || o.crowd || o.flood):
		return errors.New("-connections: only one number with -growth, -crowd or -flood")
	case o.growth && o.sizes[0] < 2*o.connections[0]:
		return errors.New("-sessions: at least twice the number of -connections")
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if !slices.Contains(workloadNames(), name) {
			return fmt.Errorf("-only: %q is not one of %s", name, strings.Join(workloadNames(), ", "))
		}
	}
	return nil
}

// experiments returns the number of selected experiments.
func (o options) experiments() (count int) {
	for _, asked := range []bool{o.growth, o.crowd, o.flood, o.signers} {
		if asked {
			count++
		}
	}
	return count
}

// parseNumbers returns the numbers of a flag, the smallest first.
func parseNumbers(flag, text string, least, most int) ([]int, error) {
	var numbers []int
	for part := range strings.SplitSeq(text, ",") {
		number, err := strconv.Atoi(part)
		if err != nil || number < least || number > most {
			return nil, fmt.Errorf("-%s: %q is not a number of %d to %d", flag, part, least, most)
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// warmUp returns the time of the warm-up, for caches, statements and connections.
func (o options) warmUp() time.Duration { return o.duration() / 5 }

// stores returns the selected kinds of stores.
func (o options) stores() []string {
	if o.store == allName {
		return []string{sqliteName, postgresqlName}
	}
	return []string{o.store}
}

// wants reports whether a workload is selected.
func (o options) wants(name string) bool {
	return !o.growth && !o.crowd && !o.flood && slices.Contains(strings.Split(o.only, ","), name)
}
