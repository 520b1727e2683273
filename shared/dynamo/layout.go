// Package dynamo keeps the domain in one DynamoDB table. It is the only importer of the DynamoDB client, and this file is
// the only place that spells keys.
//
// What is kept where, who reads it, how consistently, and what a read costs (RCU of 4 KB; strong reads cost 1, eventual
// ones a half):
//
//	item            pk                       sk                              read by                     consistency  cost
//	resource        <kind>#<id>              self                            Get, API, Version, App ...  strong       1
//	edge            <parent kind>#<id>       <child kind>#<name>             List, Grant                 strong       1 a page
//	root edge       list#<kind>              <id>                            List without a parent       strong       1 a page
//	credential      credential#<hash>        self                            Credential                  strong       1
//	feed head       feed                     head                            Head, every change          strong       1
//	feed entry      feed                     e#<seq, 20 digits>              Since                       strong       1 if none is new
//	audit entry     audit                    <seq, 20 digits>                Audit                       strong       1 per 4 KB
//	audit index     audit#<kind>#<id>        <seq, 20 digits>                Audit of one resource       strong       1 a page
//	replay          replay#<id>              self                            Replayed                    strong       1
//	revision chunk  revision#<api>/<v>#<rev> <chunk>                         RevisionChunk               strong       1 per 4 KB
//	revision part   revision#<api>/<v>#<rev> <chunk>#<sum>#<n, 4 digits>     RevisionChunk, big ones     strong       98 a part
//	limit state     limit#<id>               self                            ApplyLimit, LimitState      strong       1
//	limit alert     alert#<counter>          <period>#<limit>#<percent>      Alerts                      strong       1 per 4 KB
//	slots           slots#<id>               self                            TakeSlot, FreeSlot          strong       0, a write tells
//	hint            hint#<id>                self                            Hint                        eventual     1/2
//	held call       call#<id>                self                            ClaimCall, FinishCall       strong       0, a write tells
//	pending usage   pending#<shard>          <id>                            PendingUsage                strong       1 per 4 KB
//	folded usage    done#<id>                self                            Tombstoned                  strong       1
//	usage bucket    usage#<step>#<api>       <start>#<version>#<op>#<app>    UsageBuckets                eventual     1/2 per 4 KB
//
// There is no Scan, no Stream and no secondary index: what is listed has an edge item, written in the same transaction as
// the resource, so a list is never behind. Attribute expires_at (seconds since the epoch) is the table's TTL; it only
// reclaims space, and expired items are not told to anybody even while they are still there. Two kinds are exempt, as
// explained with LimitState and Since.
//
// # One change, one transaction
//
// A change of a resource lands together with its edges, its parents' child counters, its credential, its audit entry, its
// feed entry and the answer to replay (see Commit in internal/feed). The feed has one sequence without gaps: every change moves
// the head from n to n+1 under the condition that it is still n, so changes are totally ordered, and no clock takes part.
package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/feed"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/usage"
)

// The attributes that this package reads and writes itself; those of the packages below internal are there. None is a reserved
// word, so expressions need no placeholders for names.
const (
	attrDoc      = "doc"      // JSON of a resource, credential, entry ...
	attrRev      = "rev"      // resource: counts its changes
	attrChildren = "children" // resource: how many edges hang below it
	attrSecret   = "digest"   // resource: hash of the secret of a key, which its JSON does not show
	attrChild    = "child"    // edge: id of the child
	attrTAT      = "tat"      // limit: see counter.State
	attrPeriod   = "period"   // limit
	attrUsed     = "used"     // limit
	attrOp       = "op"       // id of the last change, by which a repeated one is recognised
	attrRisk     = "risk"     // limit
	attrAheadOf  = "ahead_of" // limit
	attrAhead    = "ahead"    // limit
	attrMark     = "mark"     // limit alert: id of the write, by which a repeated one is recognised
	attrBody     = "body"     // pending usage
	attrUntil    = "until_us" // hint: microseconds since the epoch
)

const self = "self"

func at(pk, sk string) items.Key { return items.Key{PK: pk, SK: sk} }

func resourceKey(r catalog.Ref) items.Key { return at(string(r.Kind)+"#"+r.ID, self) }

func credentialKey(hash string) items.Key {
	return resourceKey(catalog.Ref{Kind: catalog.KindCredential, ID: hash})
}

func edgeKey(e catalog.Edge, child catalog.Kind) items.Key {
	return at(resourceKey(e.Parent).PK, string(child)+"#"+e.Name)
}

func rootKey(r catalog.Ref) items.Key { return at("list#"+string(r.Kind), r.ID) }

// edgesOf spans the edges that a list follows: the children of a parent, or all resources of a kind.
func edgesOf(kind catalog.Kind, parent *catalog.Ref) items.Span {
	if parent == nil {
		return items.Span{PK: rootKey(catalog.Ref{Kind: kind}).PK}
	}
	return items.Span{PK: resourceKey(*parent).PK, Prefix: string(kind) + "#"}
}

func feedEntry(seq int64) items.Key { return at("feed", "e#"+digits(seq)) }

func auditKey(seq int64) items.Key { return at("audit", digits(seq)) }

func auditIndexKey(r catalog.Ref, seq int64) items.Key {
	return at("audit#"+resourceKey(r).PK, digits(seq))
}

func feedKeys() feed.Keys {
	return feed.Keys{Head: at("feed", "head"), Entry: feedEntry, Audit: auditKey, AuditIndex: auditIndexKey}
}

func replayKey(id string) items.Key { return at("replay#"+id, self) }

func limitKey(id string) items.Key { return at("limit#"+id, self) }

// alertKey names an alert. A period has no '#' and a percentage ends it, so keys of two alerts never meet.
func alertKey(a catalog.LimitAlert) items.Key {
	return at(alertsOf(a.Counter).PK, fmt.Sprintf("%s#%s#%03d", a.Period, a.Limit, a.Percent))
}

func alertsOf(counter string) items.Span { return items.Span{PK: "alert#" + counter} }

func slotsKey(id string) items.Key { return at("slots#"+id, self) }

func hintKey(id string) items.Key { return at("hint#"+id, self) }

func callKey(id string) items.Key { return at("call#"+id, self) }

func pendingKey(shard int, id string) items.Key { return at("pending#"+strconv.Itoa(shard), id) }

func doneKey(id string) items.Key { return at("done#"+id, self) }

func chunkKey(api catalog.APIID, v catalog.VersionID, rev catalog.RevisionID, chunk string) items.Key {
	return at("revision#"+string(api)+"/"+string(v)+"#"+string(rev), chunk)
}

// partKey names one part of a chunk. The sum of the whole is in it, so that parts of two writers never mix.
func partKey(chunk items.Key, sum string, n int) items.Key {
	return at(chunk.PK, fmt.Sprintf("%s#%s#%04d", chunk.SK, sum, n))
}

// usageKey names a bucket. Only the operation can hold a '#', so the parts can be told apart again.
func usageKey(b usage.Bucket) items.Key {
	return at(usagePK(b.API, b.Step), usageStart(b.At)+"#"+string(b.Version)+"#"+bounded(b.Operation)+"#"+string(b.App))
}

// usageStart writes the start of a window. Windows start at whole seconds, and text sorts as time does.
func usageStart(t time.Time) string {
	return t.Add(time.Second - 1).Truncate(time.Second).UTC().Format(time.RFC3339)
}

func usagePK(api catalog.APIID, step usage.Step) string {
	return "usage#" + string(step) + "#" + string(api)
}

// bucketOf reads a usageKey back.
func bucketOf(k items.Key) (usage.Bucket, error) {
	scope := strings.SplitN(k.PK, "#", 3)
	from, rest, ok1 := strings.Cut(k.SK, "#")
	version, rest, ok2 := strings.Cut(rest, "#")
	last := strings.LastIndexByte(rest, '#')
	start, err := time.Parse(time.RFC3339, from)
	if len(scope) != 3 || !ok1 || !ok2 || last < 0 || err != nil {
		return usage.Bucket{}, fmt.Errorf("the key %q %q is not that of a usage bucket", k.PK, k.SK)
	}
	return usage.Bucket{
		Step: usage.Step(scope[1]), At: start, API: catalog.APIID(scope[2]), Version: catalog.VersionID(version),
		Operation: rest[:last], App: catalog.AppID(rest[last+1:]),
	}, nil
}

// bounded keeps a long name within what a key holds; names that differ stay different.
func bounded(name string) string {
	const most, kept = 512, 400
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:kept], "") + "~" + hex.EncodeToString(sum[:])
}

// digits writes a sequence number so that text sorts as the numbers do.
func digits(seq int64) string { return fmt.Sprintf("%020d", seq) }
