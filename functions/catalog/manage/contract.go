package manage

import (
	"context"
	"fmt"
	"net/http"

	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// contractMedia are the media types of contracts.
func contractMedia() []string {
	return []string{"application/json", "application/yaml", "application/vnd.oai.openapi+json", "application/vnd.oai.openapi"}
}

func (m *manager) contracts() []resource.Operation {
	path := base + "/apis/{api}/versions/{version}/contract"
	return []resource.Operation{
		{ID: "putContract", Method: http.MethodPut, Path: path, Tag: "Contract", Summary: "Put the contract of a version",
			Description: "The document itself, as JSON or YAML. It is compiled at once, and served from then on if the version is. " +
				"One that cannot be served is refused with every fault; what is merely untidy becomes a finding.",
			Body: &resource.Body{Media: contractMedia(), Example: map[string]any{"openapi": "3.1.0",
				"info": map[string]any{"title": "Orders", "version": "1"}, "paths": map[string]any{}}},
			Status: []int{http.StatusOK, http.StatusCreated}, Answer: &resource.Answer{Schema: compiledSchema().View, Name: "CompiledContract"},
			Conditional: resource.IfMatch, Handle: m.putContract},
		{ID: "getContract", Method: http.MethodGet, Path: path, Tag: "Contract", Summary: "Read the contract of a version",
			Description: "Byte for byte as it was put, with the Content-Type that it was put with. The ETag is the revision.",
			Status:      []int{http.StatusOK}, Answer: &resource.Answer{Schema: func() *shape.Schema { return shape.Anything("The document.") }, Media: contractMedia()},
			Conditional: resource.IfNoneMatch, Handle: m.getContract},
	}
}

func compiledSchema() shape.Model {
	return shape.Model{Name: "CompiledContract", Summary: "What the platform made of a contract.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"revision": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "format": "openapi-3.1",
				"title": "Orders", "operations": 12, "findings": []any{}},
			[]shape.Field{
				{Name: "revision", Always: true, Schema: shape.Matching("The SHA-256 of the document.", `^[0-9a-f]{64}$`)},
				{Name: "format", Always: true, Schema: shape.Text("The format and its version.", 40)},
				{Name: "title", Always: true, Schema: shape.Text("What the document calls itself.", 0)},
				{Name: "operations", Always: true, Schema: shape.Whole("How many operations can be called.", 0, 1_000_000)},
				{Name: "findings", Always: true, Schema: shape.List("What is untidy but does not stop anyone.", shape.Object("A finding.",
					shape.Field{Name: "rule", Always: true, Schema: shape.Text("The rule that is not kept.", 0)},
					shape.Field{Name: "level", Always: true, Schema: shape.Text("How grave it is.", 0)},
					shape.Field{Name: "pointer", Always: true, Schema: shape.Text("Where in the document (RFC 6901).", 0)},
					shape.Field{Name: "message", Always: true, Schema: shape.Text("What is untidy.", 0)},
					shape.Field{Name: "fix", Schema: shape.Text("What would help.", 0)}), 0)},
			}
	}}
}

// compiled is the answer to a PUT.
type compiled struct {
	Revision   catalog.RevisionID `json:"revision"`
	Format     string             `json:"format"`
	Title      string             `json:"title"`
	Operations int                `json:"operations"`
	Findings   []contract.Finding `json:"findings"`
}

// putContract compiles, stores, and only then points the version to the new revision: a version never names a revision
// that is not there, and a document that cannot be served leaves no trace.
func (m *manager) putContract(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	v, err := m.contractOf(ctx, call, policy.Update)
	if err != nil {
		return nil, err
	}
	if err := m.servable(ctx, call, v); err != nil {
		return nil, err
	}
	c, err := m.Compile(ctx, call.Raw, call.MediaType)
	if err != nil {
		return nil, fmt.Errorf("compile contract: %w", err)
	}
	status := http.StatusOK
	if v.Revision == "" {
		status = http.StatusCreated
	}
	if v.Revision != c.Revision {
		if err := m.Revisions.PutRevision(ctx, v.API, v.Version, c.Revision, c.Chunks); err != nil {
			return nil, fmt.Errorf("store contract: %w", err)
		}
		_, err := m.versions().Modify(ctx, call.WithoutIfMatch(), policy.Update, "version.contract", func(now catalog.Version) (catalog.Version, error) {
			if err := m.servable(ctx, call, now); err != nil {
				return now, err
			}
			now.Revision = c.Revision
			return now, nil
		})
		if err != nil {
			return nil, err
		}
	}
	findings := c.Findings
	if findings == nil {
		findings = []contract.Finding{}
	}
	reply := &resource.Reply{Status: status, ETag: revisionTag(c.Revision),
		Body: compiled{c.Revision, c.Format, c.Title, c.Operations, findings}}
	if status == http.StatusCreated {
		reply.Location = m.versions().Location(v) + "/contract"
	}
	return reply, nil
}

// contractOf reads the version whose contract the call is about, if the sender may do that to it.
func (m *manager) contractOf(ctx context.Context, call *resource.Call, action policy.Action) (catalog.Version, error) {
	v, err := m.Versions.Get(ctx, versionRef(call))
	if err != nil {
		return v, fmt.Errorf("find version: %w", err)
	}
	owner, err := m.ownerOfVersion(ctx, v)
	if err != nil {
		return v, fmt.Errorf("find api: %w", err)
	}
	return v, call.Permit(ctx, action, catalog.Ref{Kind: policy.KindContract, ID: v.Ref().ID}, owner)
}

// servable says whether a contract may be put now.
func (m *manager) servable(ctx context.Context, call *resource.Call, v catalog.Version) error {
	if v.State == catalog.Retired {
		return problem.New(problem.Conflict, "the version is retired: its contract is closed")
	}
	etag := revisionTag(v.Revision)
	if v.Revision == "" {
		etag = ""
	}
	if call.IfMatch.Sent() && (etag == "" || !call.IfMatch.Allow(etag)) {
		return problem.New(problem.PreconditionFailed, "the contract is another one now; read it again")
	}
	api, err := m.APIs.Get(ctx, catalog.Ref{Kind: catalog.KindAPI, ID: string(v.API)})
	if err != nil {
		return fmt.Errorf("find api: %w", err)
	}
	if api.Kind != catalog.REST {
		return problem.New(problem.Unprocessable, "contracts of %s APIs cannot be served yet", api.Kind)
	}
	return nil
}

func revisionTag(r catalog.RevisionID) string { return `"` + string(r) + `"` }

func (m *manager) getContract(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	v, err := m.contractOf(ctx, call, policy.Read)
	if err != nil {
		return nil, err
	}
	if v.Revision == "" {
		return nil, problem.New(problem.NotFound, "the version has no contract yet")
	}
	chunk, err := m.Revisions.RevisionChunk(ctx, v.API, v.Version, v.Revision, contract.ChunkSource)
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	document, media, err := contract.Source(chunk)
	if err != nil {
		return nil, fmt.Errorf("unpack contract: %w", err)
	}
	return &resource.Reply{Status: http.StatusOK, ETag: revisionTag(v.Revision), Raw: document, Media: media}, nil
}
