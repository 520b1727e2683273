package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// capabilities allows what a decision needs and nothing else. What is missing is missing on purpose: whatever reaches out
// (http.send, net.lookup_ip_addr), tells of the process (opa.runtime), makes two evaluations differ (time.now_ns, rand.*,
// uuid.*), or can be made to use memory or time without bound (bits.lsh, graph.*, sprintf, json.marshal, regex.*).
func capabilities() *ast.Capabilities {
	allowed := []*ast.Builtin{
		ast.Equality, ast.Assign, ast.Equal, ast.NotEqual, ast.LessThan, ast.LessThanEq, ast.GreaterThan, ast.GreaterThanEq,
		ast.Member, ast.MemberWithKey, ast.Count, ast.Any, ast.All, ast.Min, ast.Max,
		ast.IsString, ast.IsBoolean, ast.IsNumber, ast.IsArray, ast.IsSet, ast.IsObject, ast.IsNull, ast.TypeNameBuiltin,
		ast.StartsWith, ast.EndsWith, ast.Contains, ast.Lower, ast.Upper, ast.Trim, ast.TrimPrefix, ast.TrimSuffix,
		ast.ObjectGet, ast.ObjectSubset, ast.ObjectKeys, ast.And, ast.Or, ast.Minus,
	}
	allowed = slices.DeleteFunc(allowed, func(b *ast.Builtin) bool { return b.IsDeprecated() })
	slices.SortFunc(allowed, func(a, b *ast.Builtin) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return &ast.Capabilities{Builtins: allowed, FutureKeywords: []string{}, Features: []string{ast.FeatureRegoV1}, AllowNet: []string{}}
}
