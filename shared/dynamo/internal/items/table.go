package items

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"sluice/shared/settings"
)

// Table is one table and our way to it. It is safe for concurrent use.
type Table struct {
	name     string
	db       *dynamodb.Client
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	random   io.Reader
	observe  func(op string, readUnits, writeUnits float64)
	capacity types.ReturnConsumedCapacity
}

// Open makes the client of a table. It makes no call. An error names a setting that cannot work.
func Open(cfg settings.Table, w World) (*Table, error) {
	t := &Table{name: cfg.Name, now: w.Now, sleep: w.Sleep, random: &lockedReader{r: w.Random}, observe: w.Observe}
	if t.observe != nil {
		t.capacity = types.ReturnConsumedCapacityTotal
	}
	db, err := newClient(cfg, w)
	if err != nil {
		return nil, fmt.Errorf("open table %q: %w", cfg.Name, err)
	}
	t.db = db
	return t, nil
}

// Now is the time by the table's clock.
func (t *Table) Now() time.Time { return t.now() }

// NewID makes a UUID.
func (t *Table) NewID() (string, error) {
	id, err := uuid.NewRandomFromReader(t.random)
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// Ensure creates the table if it is not there, with on-demand capacity and TTL, and waits until it can be used. Two
// processes may do it at once.
func (t *Table) Ensure(ctx context.Context) error {
	active, err := t.active(ctx)
	if err != nil {
		return err
	}
	if !active {
		if err := t.create(ctx); err != nil {
			return err
		}
	}
	for tries := 0; !active; tries++ {
		if tries == 300 {
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

func (t *Table) create(ctx context.Context) error {
	attribute := func(n string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(n), AttributeType: types.ScalarAttributeTypeS}
	}
	_, err := t.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String(t.name),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute(PK), attribute(SK)},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(PK), KeyType: types.KeyTypeHash}, {AttributeName: aws.String(SK), KeyType: types.KeyTypeRange}},
	})
	if err != nil && !errors.As(err, new(*types.ResourceInUseException)) { // another process was quicker
		return t.Fault(ctx, "create table", err)
	}
	return nil
}

// active reports whether the table is there and can be used.
func (t *Table) active(ctx context.Context) (bool, error) {
	status := types.TableStatus("")
	err := t.attempt(ctx, "describe table", func() (float64, float64, error) {
		out, err := t.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.name)})
		if errors.As(err, new(*types.ResourceNotFoundException)) {
			return 0, 0, nil
		}
		if err == nil && out.Table != nil {
			status = out.Table.TableStatus
		}
		return 0, 0, err
	})
	return status == types.TableStatusActive, err
}

func (t *Table) ensureTTL(ctx context.Context) error {
	out, err := t.db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(t.name)})
	if err != nil {
		return t.Fault(ctx, "describe TTL", err)
	}
	if d := out.TimeToLiveDescription; d != nil && (d.TimeToLiveStatus == types.TimeToLiveStatusEnabled ||
		d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		return nil
	}
	_, err = t.db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String(t.name),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(Expires), Enabled: aws.Bool(true)},
	})
	if err != nil && code(err) != "ValidationException" { // another process has enabled it just now
		return t.Fault(ctx, "enable TTL", err)
	}
	return nil
}

// Sleep waits, or until ctx is done: then it gives its error.
func Sleep(ctx context.Context, d time.Duration) error {
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
