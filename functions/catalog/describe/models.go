// Package describe says what each resource of the catalog looks like: the models that the Management API's document, its
// checks and its answers follow from.
package describe

import (
	"slices"
	"sync"

	"sluice/shared/catalog"
	"sluice/shared/resource/shape"
)

// The bounds here are those of shared/catalog's Validate; a test holds the two against each other.
const (
	nameLength    = 200
	SummaryLength = 2000 // characters of a longer text
	ListLength    = 50   // items of a list
	Largest       = 1_000_000_000
)

// ExampleTime is the time in every example.
const ExampleTime = "2026-11-23T19:00:00Z"

// model completes a model with what every resource carries. Its detail is made once, when it is first needed.
func model(name, summary string, detail func() (map[string]any, []shape.Field)) shape.Model {
	return shape.Model{Name: name, Summary: summary, Detail: sync.OnceValues(func() (map[string]any, []shape.Field) {
		example, fields := detail()
		example["created"], example["updated"] = ExampleTime, ExampleTime
		return example, append(fields,
			shape.Field{Name: "created", Access: shape.Given, Always: true, Schema: shape.Time("When it was created.")},
			shape.Field{Name: "updated", Access: shape.Given, Always: true, Schema: shape.Time("When it was last changed.")})
	})}
}

// id is the field that names a resource.
func id(what string) shape.Field {
	return slug("id", "The name of the "+what+", for good.", shape.Fixed)
}

func slug(name, description string, access shape.Access) shape.Field {
	return shape.Field{Name: name, Access: access, Needed: true, Schema: shape.Matching(description, catalog.SlugPattern)}
}

func given(name string, s *shape.Schema) shape.Field {
	return shape.Field{Name: name, Schema: s, Access: shape.Given}
}

func name() shape.Field { return shape.Needed("name", shape.Words("What people call it.", nameLength)) }

func contacts() shape.Field {
	return shape.Optional("contacts", shape.List("How to reach them.", shape.Object("A way to reach somebody.",
		shape.Needed("kind", shape.Words("`email`, `chat`, `phone`, `url` …", 40)),
		shape.Needed("value", shape.Words("The address; of an `email` it must be one.", nameLength))), ListLength))
}

// words is a list of single words.
func words(description string) *shape.Schema {
	word := shape.Matching("", `^[^ \t\r\n]+$`)
	most := nameLength
	word.MaxLength = &most
	s := shape.List(description, word, ListLength)
	s.UniqueItems = true
	return s
}

// Team is the people inside who own APIs.
func Team() shape.Model {
	return model("Team", "The people inside who own APIs.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "sales", "name": "Sales", "contacts": []any{map[string]any{"kind": "email", "value": "sales@example.com"}}},
			[]shape.Field{
				id("team"), name(), contacts()}
	})
}

// API is a product of a team.
func API() shape.Model {
	return model("API", "A product of a team.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "orders", "name": "Orders", "summary": "Places and follows orders.", "team": "sales", "kind": "rest",
				"audience": "partner", "sensitivity": "internal", "tags": []any{"sales"}},
			[]shape.Field{
				id("API"), name(), shape.Optional("summary", shape.Text("What it is for.", SummaryLength)),
				slug("team", "The team that owns it.", shape.Settable),
				{Name: "kind", Access: shape.Fixed, Needed: true,
					Schema: shape.OneOf("Its protocol, for good.", catalog.REST, catalog.GraphQL, catalog.Event)},
				shape.Needed("audience", shape.OneOf("Whose apps may subscribe; each includes those before it.", audiences()...)),
				shape.Needed("sensitivity", shape.OneOf("What it hands out.", catalog.Open, catalog.InternalData, catalog.Confidential, catalog.RestrictedData)),
				shape.Optional("tags", words("To find it by.")),
				shape.Optional("limits", limitsOf("What its backend bears, over all consumers.")),
				shape.Optional("operations", shape.Map("What single operations cost and bear, over all consumers, by operation id.",
					shape.Object("One operation.",
						shape.Optional("cost", shape.Whole("Units that a call takes of each limit; 0 means 1.", 0, catalog.MaxCost)),
						shape.Optional("limits", limitsOf("What its backend bears of it, over all consumers."))), catalog.MaxOperations)),
				shape.Optional("anonymous", limitsOf("Of a `public` API: calls without a credential pass where an operation needs no scope, limited "+
					"like this for each address, of IPv6 for each /64. Without it each call needs a credential."))}
	})
}

func audiences() []catalog.Audience {
	return []catalog.Audience{catalog.Internal, catalog.Partner, catalog.Public}
}

// Version is one contract line of an API.
func Version() shape.Model {
	m := model("Version", "One contract line of an API that moves through the lifecycle.", func() (map[string]any, []shape.Field) {
		return map[string]any{"api": "orders", "version": "v1", "upstream": map[string]any{"url": "https://orders.example.com", "timeout_ms": 5000},
				"validation": map[string]any{"request": "report", "response": "report"}, "state": "draft"},
			[]shape.Field{
				{Name: "api", Access: shape.Given, Always: true, Schema: shape.Matching("The API that it is a version of.", catalog.SlugPattern)},
				slug("version", "Its name inside the API, for good.", shape.Fixed),
				shape.Needed("upstream", upstream()),
				{Name: "validation", Always: true, Schema: shape.Object("How strictly traffic is held against the contract; `report` if not given.",
					shape.Optional("request", shape.OneOf("", "enforce", "report", "off")),
					shape.Optional("response", shape.OneOf("", "off", "report", "strip", "block")))},
				{Name: "state", Access: shape.Given, Always: true, Initial: string(catalog.Draft),
					Schema: shape.OneOf("Where it stands; only transitions change it.", States()...)},
				given("revision", shape.Matching("The contract that is served: the SHA-256 of its source.", `^[0-9a-f]{64}$`)),
				given("deprecated", shape.Time("Since when it is deprecated.")),
				given("sunset", shape.Time("From when on calls may fail.")),
				given("successor", shape.Matching("The version to move to.", catalog.SlugPattern)),
				given("reason", shape.Text("Why it goes.", SummaryLength)),
				given("retired", shape.Time("When it was retired."))}
	})
	return m
}

// States are those of a version, in the order of a life.
func States() []catalog.State {
	return []catalog.State{catalog.Draft, catalog.InReview, catalog.Published, catalog.Deprecated, catalog.Retired}
}

// Consumer is who uses APIs.
func Consumer() shape.Model {
	return model("Consumer", "The organisation that uses APIs.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "acme", "name": "ACME Ltd", "kind": "partner", "contacts": []any{map[string]any{"kind": "email", "value": "api@acme.example"}}},
			[]shape.Field{
				id("consumer"), name(), shape.Needed("kind", shape.OneOf("Who they are to us.", audiences()...)), contacts()}
	})
}

// App is a client program of a consumer.
func App() shape.Model {
	return model("App", "A client program of a consumer: what is limited and measured.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "acme-shop", "name": "Shop", "consumer": "acme"},
			[]shape.Field{
				id("app"), name(), slug("consumer", "Whose program it is, for good.", shape.Fixed)}
	})
}

// Subscription is an app's right to use an API.
func Subscription() shape.Model {
	return model("Subscription", "An app's right to use an API under a plan.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "app": "acme-shop", "api": "orders", "plan": "basic",
				"scopes": []any{"orders:read"}, "state": "active"},
			[]shape.Field{
				{Name: "id", Access: shape.Given, Always: true, Schema: shape.Matching("Chosen by the platform.", shape.UUID)},
				slug("app", "Who may call, for good.", shape.Fixed), slug("api", "What they may call, for good.", shape.Fixed),
				slug("plan", "Under which conditions.", shape.Settable),
				shape.Optional("scopes", words("A part of the plan's scopes; all of them if not given.")),
				{Name: "state", Always: true, Schema: shape.OneOf("A new one is `active` if the plan approves automatically, else `requested`; `ended` is final.",
					catalog.Requested, catalog.Active, catalog.Suspended, catalog.Ended)}}
	})
}

// Models are the resources that this package describes, for tests that hold them against shared/catalog.
func Models() []shape.Model {
	return slices.Clone([]shape.Model{Team(), API(), Version(), Plan(), Consumer(), App(), Subscription()})
}
