// Package write makes the OpenAPI document of the whole Management API, which two functions serve together: the catalog
// embeds it, and a test holds it against what both register.
package write

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sluice/functions/catalog/manage"
	"sluice/functions/keys/issue"
	"sluice/shared/resource/document"
)

// Path is where the document is kept, from the root of the repository.
const Path = "functions/catalog/manage/openapi.json"

// Document writes the document. Operations are described without being run, so nothing needs to be wired.
func Document() ([]byte, error) {
	info := huma.Info{Title: "Sluice Management API", Version: "1.0.0", Description: "Manages teams, APIs and their versions, plans, " +
		"consumers, apps, subscriptions and keys.\n\nErrors are problems (RFC 9457) with a stable `code`. Every resource has an `ETag`; a change " +
		"with `If-Match` is refused if the resource has changed since. A POST with an `Idempotency-Key` does its work once. " +
		"Requests that have unknown fields, duplicate members or unknown parameters are refused.",
		Contact: &huma.Contact{Name: "The platform's operators", URL: "https://sluice.example"},
		License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}}
	operations := slices.Concat(manage.Operations(manage.Deps{}), issue.Operations(issue.Deps{}))
	return document.Write(info, slices.Concat(manage.Tags(), issue.Tags()), operations)
}
