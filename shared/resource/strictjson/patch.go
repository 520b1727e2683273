package strictjson

import "maps"

// MergePatch applies a JSON merge patch (RFC 7396) to a document; both are as Parse gives them, and neither is changed.
// A null in the patch removes a member, an object merges, anything else replaces.
func MergePatch(document, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	old, _ := document.(map[string]any) // what is no object is replaced by one
	merged := make(map[string]any, len(old)+len(changes))
	maps.Copy(merged, old)
	for name, change := range changes {
		if change == nil {
			delete(merged, name)
			continue
		}
		merged[name] = MergePatch(merged[name], change)
	}
	return merged
}
