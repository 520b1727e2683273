package items

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sluice/shared/problem"
)

// callAttempts is how often a call that may be repeated is made.
const callAttempts = 3

// judge tells what a failed call leaves us with.
func judge(err error) Outcome {
	switch code(err) {
	case "":
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return Again
		}
		return Unknown
	case "TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException",
		"TransactionCanceledException": // of a read: a change is in the making
		return Again
	}
	if throttled(err) {
		return Again
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return Unknown
	}
	return Broken
}

// throttled reports whether the store asks us to slow down.
func throttled(err error) bool {
	switch code(err) {
	case "ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException":
		return true
	}
	return false
}

// code is the API's name of an error; "" where no answer of the API came back.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Fault turns a failed call into what a caller may be told: the context's own error once it was cancelled, an internal
// error where we asked for something impossible, problem.Unavailable for all else.
func (t *Table) Fault(ctx context.Context, op string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	switch code(err) {
	case "ValidationException", "SerializationException", "IdempotentParameterMismatchException",
		"ItemCollectionSizeLimitExceededException":
		return fmt.Errorf("%s: %w", op, err)
	}
	if cause := ctx.Err(); cause != nil {
		err = errors.Join(cause, err)
	}
	return problem.Wrap(fmt.Errorf("%s: %w", op, err), problem.Unavailable, "the store does not answer; try again shortly")
}

// attempt makes a call that may be repeated, up to three times. op names what it is for, in errors and for the observer; the
// call tells what it consumed.
func (t *Table) attempt(ctx context.Context, op string, call func() (readUnits, writeUnits float64, err error)) error {
	for n := 1; ; n++ {
		r, w, err := call()
		if t.observe != nil {
			t.observe(op, r, w)
		}
		if err == nil || errors.As(err, new(*types.ConditionalCheckFailedException)) {
			return err // of a condition, the caller knows what it means
		}
		if judge(err) == Broken || errors.As(err, new(final)) || n == callAttempts || ctx.Err() != nil || t.Pause(ctx, n) != nil {
			return t.Fault(ctx, op, err)
		}
	}
}

// final is a failure after which nothing is tried again.
type final struct{ error }

// Unwrap gives the failure.
func (f final) Unwrap() error { return f.error }

// Pause waits before the n-th repetition, a random time in 0..2^n × 10 ms, at most 200 ms: those who collided must not meet
// again. An error is that of ctx.
func (t *Table) Pause(ctx context.Context, n int) error { return t.pause(ctx, n, 200*time.Millisecond) }

func (t *Table) pause(ctx context.Context, n int, most time.Duration) error {
	most = min(10*time.Millisecond<<min(n, 10), most)
	var b [8]byte
	if _, err := io.ReadFull(t.random, b[:]); err != nil {
		return t.sleep(ctx, most)
	}
	return t.sleep(ctx, time.Duration(binary.BigEndian.Uint64(b[:])%uint64(most))) //nolint:gosec // G115: most is positive and small
}

// consumed reads the units of an answer, which has none unless we asked for them.
func consumed(c *types.ConsumedCapacity) float64 {
	if c == nil || c.CapacityUnits == nil {
		return 0
	}
	return *c.CapacityUnits
}

// consumedAll adds up the units of an answer that has several.
func consumedAll(all []types.ConsumedCapacity) float64 {
	total := 0.0
	for i := range all {
		total += consumed(&all[i])
	}
	return total
}
