// Package management holds the Management API, both functions of it together, against its own OpenAPI document.
package management
