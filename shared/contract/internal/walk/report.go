// Package walk looks at a document along a grammar: at each object once, and at everything that references lead to. It
// tells what keeps the document from being served (faults) from what is merely untidy (findings), each at its place.
//
// The formats differ in their grammar only: see Object and Want.
package walk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sluice/shared/contract"
	"sluice/shared/contract/internal/tree"
	"sluice/shared/problem"
)

// The bounds of a report. More is counted, not listed.
const (
	maxFaults   = 100
	maxFindings = 1000
	maxPointer  = 4 << 10
	maxQuote    = 80 // bytes of the document quoted in a message
)

// Rule names a finding. The names are stable: exemptions and statistics refer to them.
type Rule string

// The rules, by what they are about.
const (
	UnknownField     Rule = "unknown-field"
	UnknownKeyword   Rule = "unknown-keyword"
	Unsupported      Rule = "ignored-keyword"
	OtherVersion     Rule = "other-version"
	WrongKind        Rule = "wrong-kind"
	NullValue        Rule = "null-value"
	MissingField     Rule = "missing-field"
	ComponentName    Rule = "component-name"
	RefSiblings      Rule = "ref-siblings"
	RefElsewhere     Rule = "ref-elsewhere"
	BrokenLink       Rule = "broken-link"
	MappingName      Rule = "discriminator-mapping"
	ExampleMismatch  Rule = "example-mismatch"
	ExamplesSkipped  Rule = "examples-unchecked"
	PatternDialect   Rule = "pattern-dialect"
	SelfInclusion    Rule = "schema-includes-itself"
	EmptySchemaList  Rule = "empty-schema-list"
	RepeatedValue    Rule = "repeated-value"
	ParameterForm    Rule = "parameter-form"
	ParameterIgnored Rule = "parameter-ignored"
	PathOptional     Rule = "path-parameter-optional"
	PathQuery        Rule = "path-with-query"
	PathOperator     Rule = "path-operator"
	PathUnreachable  Rule = "path-unreachable"
	IDMissing        Rule = "operation-id-missing"
	IDUnfit          Rule = "operation-id-unfit"
	IDElsewhere      Rule = "operation-id-repeated"
	NoOperations     Rule = "no-operations"
	ScopeUndeclared  Rule = "scope-undeclared"
	ScopeOnOther     Rule = "scope-on-other-scheme"
	SchemeForm       Rule = "security-scheme-form"
	StatusCode       Rule = "status-code"
	FindingsOmitted  Rule = "findings-omitted"
)

// advice says how much a rule matters and what to do about it.
func (r Rule) advice() (contract.Level, string) {
	switch r {
	case UnknownField:
		return contract.Warning, "Correct the name, remove the field, or prefix it with x- if it is an extension."
	case OtherVersion:
		return contract.Info, "Write it as the document's OpenAPI version does, or raise the version."
	case WrongKind:
		return contract.Info, "Write a value of the kind that OpenAPI asks for."
	case NullValue:
		return contract.Info, "Remove the key or give it a value."
	case MissingField:
		return contract.Info, "Add the field: OpenAPI requires it."
	case ComponentName:
		return contract.Info, "Use only letters, digits, '.', '-' and '_' in names of components."
	case RefElsewhere:
		return contract.Info, "Write the object itself: other readers will not follow the reference."
	case RepeatedValue:
		return contract.Info, "Write each value once."
	case IDMissing:
		return contract.Info, "Give the operation an operationId: it names the operation in reports and policies."
	case IDUnfit:
		return contract.Warning, "Choose a shorter operationId without control characters."
	case IDElsewhere:
		return contract.Info, "Choose an operationId of its own for each operation."
	case FindingsOmitted:
		return contract.Info, "Tidy up the findings that are listed."
	default:
		return r.schemaAdvice()
	}
}

// schemaAdvice is that of rules about schemas and examples.
func (r Rule) schemaAdvice() (contract.Level, string) {
	switch r {
	case UnknownKeyword:
		return contract.Info, "Correct the keyword, remove it, or prefix it with x-."
	case Unsupported:
		return contract.Warning, "Use the keyword of JSON Schema 2020-12 in its place."
	case RefSiblings:
		return contract.Info, "Move the siblings into an allOf with the reference: OpenAPI 3.0 ignores them beside $ref."
	case MappingName:
		return contract.Warning, "Map to the name of a schema in components, or to a local reference."
	case ExampleMismatch:
		return contract.Warning, "Correct the value or the schema: readers will copy it."
	case ExamplesSkipped:
		return contract.Info, "Use fewer or smaller examples if they are to be checked."
	case PatternDialect:
		return contract.Info, "Use a pattern without look-around and back-references if you can: not every validator has them."
	case SelfInclusion:
		return contract.Warning, "Break the circle: let the schema refer to itself only inside a property or an element."
	case EmptySchemaList:
		return contract.Info, "Remove the empty list or add schemas."
	default:
		return r.callAdvice()
	}
}

// callAdvice is that of rules about what is called, and by whom.
func (r Rule) callAdvice() (contract.Level, string) {
	switch r {
	case BrokenLink:
		return contract.Warning, "Name an operation of this document."
	case ParameterForm:
		return contract.Warning, "Give the parameter one schema, or one content entry, and a style that its place allows."
	case ParameterIgnored:
		return contract.Info, "Describe it by content types or security schemes: OpenAPI ignores header parameters of this name."
	case PathOptional:
		return contract.Info, "Set required to true: a path has all its parameters."
	case PathQuery:
		return contract.Warning, "Describe the query as parameters: calls are matched by path and method only."
	case PathOperator:
		return contract.Warning, "Write the plain name: OpenAPI has no operators in path parameters, and one stands for one segment."
	case PathUnreachable:
		return contract.Warning, "Change the path: the gateway refuses such paths, so that no call can reach it."
	case NoOperations:
		return contract.Warning, "Add operations: as it is, no call can be made."
	case ScopeUndeclared:
		return contract.Warning, "Declare the scope in a flow of its security scheme."
	case ScopeOnOther:
		return contract.Warning, "Leave the list empty, or use OpenAPI 3.1: callers are asked for what it lists."
	case SchemeForm:
		return contract.Warning, "Complete the security scheme as its type requires."
	case StatusCode:
		return contract.Info, "Use a status code, a range such as 4XX, or default."
	default:
		return contract.Info, ""
	}
}

// Report gathers what is wrong and what is untidy.
type Report struct {
	faults   []problem.Fault
	findings []contract.Finding
	omitted  int
}

// Fault notes what makes the document unfit to be served.
func (r *Report) Fault(at *tree.Path, format string, args ...any) {
	if len(r.faults) < 10*maxFaults {
		r.faults = append(r.faults, problem.Fault{Pointer: pointer(at), Detail: fmt.Sprintf(format, args...)})
	}
}

// Add notes faults that were found elsewhere.
func (r *Report) Add(faults []problem.Fault) { r.faults = append(r.faults, faults...) }

// Faulty reports whether there are faults.
func (r *Report) Faulty() bool { return len(r.faults) > 0 }

// Refuse is the error for faults that end everything.
func Refuse(faults []problem.Fault) error {
	r := Report{faults: faults}
	return r.Refusal()
}

// Find notes what is untidy.
func (r *Report) Find(rule Rule, at *tree.Path, format string, args ...any) {
	if len(r.findings) >= maxFindings {
		r.omitted++
		return
	}
	level, fix := rule.advice()
	r.findings = append(r.findings, contract.Finding{
		Rule: string(rule), Level: level, Pointer: pointer(at), Message: fmt.Sprintf(format, args...), Fix: fix})
}

// pointer writes a place, or its beginning if it is of a monstrous length.
func pointer(at *tree.Path) string {
	s := at.String()
	if len(s) > maxPointer {
		return strings.ToValidUTF8(s[:maxPointer], "") + "…"
	}
	return s
}

// Refusal is the error for a document with faults, sorted by place and without repetitions; nil without faults.
func (r *Report) Refusal() error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortFunc(r.faults, func(a, b problem.Fault) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Detail, b.Detail))
	})
	faults := slices.Compact(r.faults)
	e := &problem.Error{Kind: problem.Unprocessable, Detail: "the document cannot be served", Faults: faults}
	if len(faults) > maxFaults {
		e.Faults = faults[:maxFaults]
		e.Detail = fmt.Sprintf("the document cannot be served; the first %d faults are listed", maxFaults)
	}
	return e
}

// Findings gives the findings by place, and one that counts those that were omitted.
func (r *Report) Findings() []contract.Finding {
	slices.SortFunc(r.findings, func(a, b contract.Finding) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	r.findings = slices.Compact(r.findings)
	if n := r.omitted; n > 0 {
		level, fix := FindingsOmitted.advice()
		r.findings = append(r.findings, contract.Finding{
			Rule: string(FindingsOmitted), Level: level, Message: fmt.Sprintf("%d further findings are not listed", n), Fix: fix})
	}
	return r.findings
}

// Quote shortens a text of the document for a message.
func Quote(s string) string {
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
