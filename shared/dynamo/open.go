package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"sluice/shared/settings"
)

// Table is the store. It is safe for concurrent use, and one per process is enough; connections are kept open.
type Table struct {
	name     string
	db       *dynamodb.Client
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	random   io.Reader
	observe  Observer
	capacity types.ReturnConsumedCapacity

	turn chan struct{} // held while this process makes a change: its writers queue here, not at the feed's head
	head int64         // what we believe the feed's head to be; unknownHead if nothing; guarded by turn

	instance string        // with steps, makes the ids of limit steps
	steps    atomic.Uint64 // limit steps made by this Table
}

// Observer is told of each call that the store made for an operation: op is the name of the method of this package, units
// are DynamoDB's capacity units, and both are 0 where the call failed. A conditional write that was refused counts as one.
type Observer func(op string, readUnits, writeUnits float64)

// Option changes how a Table works; only tests, benchmarks and the local cloud need any.
type Option func(*setup)

type setup struct {
	table     *Table
	transport http.RoundTripper
	timeout   time.Duration
}

// WithObserver has every store call counted. It must be safe for concurrent use.
func WithObserver(o Observer) Option { return func(s *setup) { s.table.observe = o } }

// WithTransport replaces the HTTP transport, so that a test can make the store slow, lose its answers or take it away.
func WithTransport(rt http.RoundTripper) Option { return func(s *setup) { s.transport = rt } }

// WithTimeout bounds each attempt of a call; 3 s unless told.
func WithTimeout(d time.Duration) Option { return func(s *setup) { s.timeout = d } }

// WithClock replaces the clock that judges whether an item has expired.
func WithClock(now func() time.Time) Option { return func(s *setup) { s.table.now = now } }

// WithSleep replaces the pause between attempts. It must return ctx.Err() once ctx is done.
func WithSleep(sleep func(ctx context.Context, d time.Duration) error) Option {
	return func(s *setup) { s.table.sleep = sleep }
}

// WithRandom replaces the source of jitter and of ids. It need not be safe for concurrent use.
func WithRandom(r io.Reader) Option { return func(s *setup) { s.table.random = &lockedReader{r: r} } }

// Open makes the client of a table. It makes no call, so it succeeds while the store is away. An error names a setting
// that cannot work.
func Open(cfg settings.Table, options ...Option) (*Table, error) {
	t := &Table{
		name: cfg.Name, now: time.Now, sleep: pause, random: rand.Reader,
		turn: make(chan struct{}, 1), head: unknownHead,
	}
	s := setup{table: t, timeout: 3 * time.Second}
	for _, o := range options {
		o(&s)
	}
	if s.transport == nil {
		s.transport = newTransport()
	}
	if t.observe != nil {
		t.capacity = types.ReturnConsumedCapacityTotal
	}
	seed := make([]byte, 8)
	if _, err := io.ReadFull(t.random, seed); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	t.instance = strconv.FormatUint(binary.BigEndian.Uint64(seed), 36)
	db, err := newClient(cfg, &http.Client{Transport: s.transport, Timeout: s.timeout, CheckRedirect: noRedirect})
	if err != nil {
		return nil, fmt.Errorf("open table %q: %w", cfg.Name, err)
	}
	t.db = db
	return t, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 2 * time.Second,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     50 * time.Second, // below DynamoDB's 60 s, so that we never write on a dying connection
		DisableCompression:  true,             // items are small, and big ones are compressed already
	}
}

// EnsureTable creates the table if it is not there, with on-demand capacity and TTL, and waits until it can be used. It is
// for the local cloud and tests; a deployment's table comes from infra/data.yaml. Two processes may do it at once.
func (t *Table) EnsureTable(ctx context.Context) error {
	attr, key := func(n string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(n), AttributeType: types.ScalarAttributeTypeS}
	}, func(n string, k types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: aws.String(n), KeyType: k}
	}
	active, err := t.active(ctx)
	if err != nil {
		return err
	}
	if !active {
		_, err := t.db.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:            aws.String(t.name),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{attr(attrPK), attr(attrSK)},
			KeySchema:            []types.KeySchemaElement{key(attrPK, types.KeyTypeHash), key(attrSK, types.KeyTypeRange)},
		})
		var exists *types.ResourceInUseException
		if err != nil && !errors.As(err, &exists) {
			return t.fault(ctx, "create table", err)
		}
	}
	for tries := 0; !active; tries++ {
		if tries == 100 {
			return fmt.Errorf("table %q did not become active", t.name)
		}
		if active, err = t.active(ctx); err == nil && !active {
			err = t.sleep(ctx, 100*time.Millisecond)
		}
		if err != nil {
			return err
		}
	}
	return t.ensureTTL(ctx)
}

// active reports whether the table is there and can be used.
func (t *Table) active(ctx context.Context) (bool, error) {
	out, err := t.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.name)})
	var absent *types.ResourceNotFoundException
	if errors.As(err, &absent) {
		return false, nil
	}
	if err != nil {
		return false, t.fault(ctx, "describe table", err)
	}
	return out.Table != nil && out.Table.TableStatus == types.TableStatusActive, nil
}

func (t *Table) ensureTTL(ctx context.Context) error {
	out, err := t.db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(t.name)})
	if err != nil {
		return t.fault(ctx, "describe TTL", err)
	}
	if d := out.TimeToLiveDescription; d != nil && (d.TimeToLiveStatus == types.TimeToLiveStatusEnabled ||
		d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		return nil
	}
	_, err = t.db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String(t.name),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true)},
	})
	if code(err) == "ValidationException" { // another process enabled it just now
		return nil
	}
	if err != nil {
		return t.fault(ctx, "enable TTL", err)
	}
	return nil
}

// newID makes a UUID.
func (t *Table) newID() (string, error) {
	id, err := uuid.NewRandomFromReader(t.random)
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lockedReader lets several goroutines share a source of randomness.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

// Read fills p.
func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}
