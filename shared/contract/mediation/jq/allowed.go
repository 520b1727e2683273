package jq

import "strings"

// treatment is what rewriting does about a call of a built-in function.
type treatment struct {
	before string // a check of its input
	within string // a check of its arguments
	after  string // a check of its result
	regexp bool   // its arguments but the replacement are written out
}

// allowed are the built-in functions that a program may call, by name and number of arguments. What is not here is refused:
// what tells of the world (env, input, now, localtime, modulemeta, debug, halt, get_search_list and the like), and what
// explodes in one step (transpose, inside, splits of what is not written out).
func allowed() map[string]treatment {
	list := make(map[string]treatment, 180)
	add := func(names string, t treatment) {
		for name := range strings.FieldsSeq(names) {
			list[name] = t
		}
	}
	add(`empty/0 error/0 error/1 not/0 select/1 map/1 map_values/1 recurse/0 recurse/1 recurse/2 walk/1 length/0
		utf8bytelength/0 has/1 in/1 toboolean/0 tonumber/0 type/0 reverse/0 startswith/1 endswith/1 ltrimstr/1 rtrimstr/1
		trimstr/1 ltrim/0 rtrim/0 trim/0 min/0 max/0 min_by/1 max_by/1 		arrays/0 objects/0 iterables/0 booleans/0 numbers/0 finites/0 normals/0 strings/0 nulls/0 values/0 scalars/0
		first/0 first/1 last/0 last/1 isempty/1 all/0 all/1 all/2 any/0 any/1 any/2 limit/2 skip/2 until/2 while/2
		repeat/1 range/1 range/2 range/3 path/1 paths/0 paths/1 del/1 delpaths/1 pick/1 abs/0 toarray/0 bsearch/1
		floor/0 ceil/0 round/0 trunc/0 sqrt/0 pow/2 log/0 log2/0 log10/0 exp/0 exp2/0 exp10/0 fabs/0 fmin/2 fmax/2 fmod/2
		infinite/0 nan/0 isinfinite/0 isnan/0 isfinite/0 isnormal/0 null/0 true/0 false/0 IN/1 IN/2
		mktime/0 gmtime/0 strptime/1 fromdate/0 fromdateiso8601/0 todate/0 todateiso8601/0`, treatment{})
	add(`keys/0 to_entries/0 from_entries/0 with_entries/1 add/0 add/1 flatten/0 flatten/1 tojson/0 fromjson/0 tostring/0
		explode/0 implode/0 split/1 ascii_downcase/0 ascii_upcase/0 tostream/0 fromstream/1 INDEX/1 INDEX/2 strftime/1
		combinations/0 combinations/1`, treatment{after: charge})
	add(`sort/0 sort_by/1 group_by/1 unique/0 unique_by/1`, treatment{before: charge})
	add(`getpath/1 nth/1 nth/2`, treatment{within: place})
	add(`setpath/2`, treatment{within: place, after: charge})
	add(`contains/1 index/1 rindex/1 indices/1`, treatment{before: small, within: small})
	add(`test/1 test/2`, treatment{before: short, regexp: true})
	add(`match/1 match/2 capture/1 capture/2 scan/1 scan/2 splits/1 splits/2 split/2`, treatment{before: short, after: charge, regexp: true})
	add(`sub/2 sub/3 gsub/2 gsub/3`, treatment{before: short, within: charge, after: charge, regexp: true})
	add(`join/1`, treatment{})
	return list
}

// formats are the ways to write values in texts.
func formats() []string {
	return []string{"@text", "@json", "@html", "@uri", "@csv", "@tsv", "@sh", "@base64", "@base64d"}
}
