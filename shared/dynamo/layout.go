// Package dynamo keeps the domain in one DynamoDB table. It is the only importer of the DynamoDB client, and this file is
// the only place that spells keys.
//
// What is kept where, who reads it, how consistently, and what a read costs (RCU of 4 KB; strong reads cost 1, eventual
// ones a half):
//
//	item            pk                       sk                              read by                     consistency  cost
//	resource        <kind>#<id>              self                            Get, API, Version, App ...  strong       1
//	edge            <parent kind>#<id>       <child kind>#<name>             List, Grant                 strong       1 a page, 1 a grant
//	root edge       list#<kind>              <id>                            List without a parent       strong       1 a page
//	credential      credential#<hash>        self                            Credential                  strong       1
//	feed head       feed                     head                            Head, every change          strong       1
//	feed entry      feed                     e#<seq, 20 digits>              Since                       strong       1 when nothing is new
//	audit entry     audit                    <seq, 20 digits>                Audit                       strong       1 per 4 KB
//	audit index     audit#<kind>#<id>        <seq, 20 digits>                Audit of one resource       strong       1 a page
//	replay          replay#<id>              self                            Replayed                    strong       1
//	revision chunk  revision#<api>/<v>#<rev> <chunk>                         RevisionChunk               strong       1 per 4 KB
//	revision part   revision#<api>/<v>#<rev> <chunk>#<sum>#<n, 4 digits>     RevisionChunk, big ones     strong       98 a part
//	limit state     limit#<id>               self                            ApplyLimit, LimitState      strong       1 (a write: 1 WCU)
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
// feed entry and the answer to replay (see commit in write.go). The feed has one sequence without gaps: every change moves
// the head from n to n+1 under the condition that it is still n, so changes are totally ordered, and no clock takes part.
package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/shared/catalog"
	"sluice/shared/usage"
)

// The attributes that every item may have.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrExpires = "expires_at" // TTL, seconds since the Unix epoch
)

// The attributes of each kind of item. None is a reserved word, so expressions need no placeholders for names.
const (
	attrDoc      = "doc"      // JSON of a resource, credential, entry ...
	attrRev      = "rev"      // resource: counts its changes
	attrChildren = "children" // resource: how many edges hang below it
	attrSecret   = "digest"   // resource: hash of the secret of a key, which its JSON does not show
	attrChild    = "child"    // edge: id of the child
	attrSeq      = "seq"      // feed head: sequence of the last change
	attrChange   = "change"   // feed entry: id of the change, by which a writer recognises its own
	attrTAT      = "tat"      // limit: see limit.State
	attrPeriod   = "period"   // limit
	attrUsed     = "used"     // limit
	attrOp       = "op"       // limit: id of the last step, by which a repeated one is recognised
	attrBody     = "body"     // pending usage, revision part
	attrSum      = "sum"      // revision chunk: hex SHA-256 of the whole
	attrParts    = "parts"    // revision chunk: number of part items; absent where body is in the chunk item
	attrSize     = "size_b"   // revision chunk: bytes of the whole
	attrFold     = "fold"     // folded usage: id of the fold, by which a folder recognises its own
	attrConsumer = "consumer" // usage bucket
	countPrefix  = "n_"       // usage bucket: each counter is n_<name>
)

// DynamoDB's bounds of a key, in bytes. A name beyond them cannot be stored, so it is not there.
const (
	maxPK = 2048
	maxSK = 1024
)

const self = "self"

// key is where one item is.
type key struct{ pk, sk string }

// possible reports whether an item can have this key at all; a read of an impossible one needs no call.
func (k key) possible() bool {
	return k.pk != "" && k.sk != "" && len(k.pk) <= maxPK && len(k.sk) <= maxSK && utf8.ValidString(k.pk) && utf8.ValidString(k.sk)
}

// span selects the items of one partition whose sk begins with prefix.
type span struct{ pk, prefix string }

func resourceKey(r catalog.Ref) key { return key{string(r.Kind) + "#" + r.ID, self} }

func credentialKey(hash string) key {
	return resourceKey(catalog.Ref{Kind: catalog.KindCredential, ID: hash})
}

func edgeKey(e catalog.Edge, child catalog.Kind) key {
	return key{resourceKey(e.Parent).pk, string(child) + "#" + e.Name}
}

func rootKey(r catalog.Ref) key { return key{"list#" + string(r.Kind), r.ID} }

// edgesOf spans the edges that a list follows: the children of a parent, or all resources of a kind.
func edgesOf(kind catalog.Kind, parent *catalog.Ref) span {
	if parent == nil {
		return span{pk: rootKey(catalog.Ref{Kind: kind}).pk}
	}
	return span{resourceKey(*parent).pk, string(kind) + "#"}
}

func feedHead() key { return key{"feed", "head"} }

func feedEntry(seq int64) key { return key{"feed", "e#" + digits(seq)} }

func auditKey(seq int64) key { return key{"audit", digits(seq)} }

func auditIndexKey(r catalog.Ref, seq int64) key {
	return key{"audit#" + resourceKey(r).pk, digits(seq)}
}

// auditOf spans the audit entries of one resource, or all of them.
func auditOf(r *catalog.Ref) span {
	if r == nil {
		return span{pk: auditKey(0).pk}
	}
	return span{pk: auditIndexKey(*r, 0).pk}
}

func replayKey(id string) key { return key{"replay#" + id, self} }

func limitKey(id string) key { return key{"limit#" + id, self} }

func pendingKey(shard int, id string) key { return key{"pending#" + strconv.Itoa(shard), id} }

func doneKey(id string) key { return key{"done#" + id, self} }

func chunkKey(api catalog.APIID, v catalog.VersionID, rev catalog.RevisionID, chunk string) key {
	return key{"revision#" + string(api) + "/" + string(v) + "#" + string(rev), chunk}
}

// partKey names one part of a chunk. The sum of the whole is in it, so that parts of two writers never mix.
func partKey(chunk key, sum string, n int) key {
	return key{chunk.pk, fmt.Sprintf("%s#%s#%04d", chunk.sk, sum, n)}
}

// usageKey names a bucket. Only the operation can hold a '#', so the parts can be told apart again.
func usageKey(b usage.Bucket) key {
	at := b.At.UTC().Format(time.RFC3339)
	return key{usagePK(b.API, b.Step), at + "#" + string(b.Version) + "#" + bounded(b.Operation) + "#" + string(b.App)}
}

func usagePK(api catalog.APIID, step usage.Step) string {
	return "usage#" + string(step) + "#" + string(api)
}

// bucketOf reads a usageKey back.
func bucketOf(k key) (usage.Bucket, error) {
	scope := strings.SplitN(k.pk, "#", 3)
	at, rest, ok1 := strings.Cut(k.sk, "#")
	version, rest, ok2 := strings.Cut(rest, "#")
	last := strings.LastIndexByte(rest, '#')
	start, err := time.Parse(time.RFC3339, at)
	if len(scope) != 3 || !ok1 || !ok2 || last < 0 || err != nil {
		return usage.Bucket{}, fmt.Errorf("the key %q %q is not that of a usage bucket", k.pk, k.sk)
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
