package dynamo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sluice/shared/problem"
)

// The number of attempts of a call that may be repeated, and of a change (which other processes' changes may get ahead of).
const (
	callAttempts   = 3
	changeAttempts = 40
)

// verdict is what a failed call leaves us with.
type verdict int

const (
	final   verdict = iota // the store has understood and refused: the same call fails again
	again                  // nothing happened, and the same call may work in a moment
	unknown                // it may or may not have happened
)

// judge tells what a failed call leaves us with.
func judge(err error) verdict {
	switch code(err) {
	case "":
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return again
		}
		return unknown
	case "ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "LimitExceededException",
		"TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException":
		return again
	case "TransactionCanceledException":
		if conditionFailed(err) {
			return final
		}
		return again // a conflict with another transaction, or throttled
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return unknown
	}
	return final
}

// conditionFailed reports whether a transaction was cancelled for good: by a condition, or since it is malformed.
func conditionFailed(err error) bool {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return false
	}
	return slices.ContainsFunc(cancelled.CancellationReasons, func(r types.CancellationReason) bool {
		c := aws.ToString(r.Code)
		return c == "ConditionalCheckFailed" || c == "ValidationError" || c == "ItemCollectionSizeLimitExceeded"
	})
}

// code is the API's name of an error; "" where no answer of the API came back.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() != "" && !errors.As(err, new(*smithy.SerializationError)) {
		return api.ErrorCode()
	}
	return ""
}

// fault turns a failed call into what a caller may be told: the context's own error once it was cancelled, an internal
// error where we asked for something impossible, problem.Unavailable for all else.
func (t *Table) fault(ctx context.Context, action string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", action, ctx.Err())
	}
	switch code(err) {
	case "ValidationException", "SerializationException", "IdempotentParameterMismatchException", "ItemCollectionSizeLimitExceededException":
		return fmt.Errorf("%s: %w", action, err)
	}
	if cause := ctx.Err(); cause != nil {
		err = errors.Join(cause, err)
	}
	return problem.Wrap(fmt.Errorf("%s: %w", action, err), problem.Unavailable, "the store does not answer; try again shortly")
}

// attempt makes a call that may be repeated, up to three times. op names the method of this package for the action in
// errors and for the observer; the call tells what it consumed.
func (t *Table) attempt(ctx context.Context, op string, call func() (readUnits, writeUnits float64, err error)) error {
	for n := 1; ; n++ {
		r, w, err := call()
		if t.observe != nil {
			t.observe(op, r, w)
		}
		if err == nil {
			return nil
		}
		if errors.As(err, new(*types.ConditionalCheckFailedException)) || conditionFailed(err) {
			return err // the caller knows what it means
		}
		if judge(err) == final || n == callAttempts || ctx.Err() != nil {
			return t.fault(ctx, op, err)
		}
		if t.sleep(ctx, t.backoff(n)) != nil {
			return t.fault(ctx, op, err)
		}
	}
}

// backoff is a random time in 0..2^n × 10 ms, at most 200 ms: writers that collided must not meet again.
func (t *Table) backoff(n int) time.Duration {
	most := min(10*time.Millisecond<<min(n, 10), 200*time.Millisecond)
	var b [8]byte
	if _, err := io.ReadFull(t.random, b[:]); err != nil {
		return most
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(most)) //nolint:gosec // G115: most is positive and small
}

// consumed reads the units of an answer, which is nil unless we asked for it.
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
