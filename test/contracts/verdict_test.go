package contracts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/stream"
	"sluice/test/contracts/generate"
	"sluice/test/contracts/reference"
)

// place is a schema that is compared: here, and in the document.
type place struct {
	pointer   string
	schema    schema.Schema
	direction schema.Direction
}

// places lists the schemas of the JSON bodies of an operation, and of its parameters.
func places(op *schema.Operation, document map[string]any) (list []place) {
	d := op.Description()
	method, path, _ := strings.Cut(d.Key, " ")
	base := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(path) + "/" + strings.ToLower(method)
	contents := func(at string, all []program.Content, direction schema.Direction) {
		at = followed(document, at)
		for _, c := range all {
			if c.Schema != program.Any {
				list = append(list, place{at + "/content/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(c.Media) + "/schema", op.Schema(c.Schema), direction})
			}
		}
	}
	if d.Body != nil {
		contents(base+"/requestBody", d.Body.Contents, schema.Request)
	}
	for _, r := range d.Responses {
		contents(base+"/responses/"+r.Status, r.Contents, schema.Response)
	}
	all, _ := reference.Lookup(document, "#"+base+"/parameters").([]any)
	for i := range all {
		at := followed(document, base+"/parameters/"+strconv.Itoa(i))
		p, _ := reference.Lookup(document, "#"+at).(map[string]any)
		for _, q := range d.Parameters {
			if q.Name == p["name"] && q.In == p["in"] && q.Schema != program.Any && q.Media == "" {
				list = append(list, place{at + "/schema", op.Schema(q.Schema), schema.Neither})
			}
		}
	}
	return list
}

// followed gives where references lead from a pointer.
func followed(document map[string]any, pointer string) string {
	for range 10 {
		n, _ := reference.Lookup(document, "#"+pointer).(map[string]any)
		ref, ok := n["$ref"].(string)
		if !ok {
			return pointer
		}
		pointer = ref[1:]
	}
	return pointer
}

// plain reads a document as the reference wants it; each call gives another copy.
func plain(t testing.TB, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(file, "yaml") {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		if text, err = json.Marshal(named(v)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	document, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%s is no object", file)
	}
	return document
}

// named makes all keys of YAML strings.
func named(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = named(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = named(v[k])
		}
	case map[any]any:
		out := map[string]any{}
		for k, item := range v {
			out[fmt.Sprint(k)] = named(item)
		}
		return out
	}
	return v
}

// cases is how many values are compared in all.
func cases(t testing.TB, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv("SLUICE_CASES"))
	if err != nil {
		return otherwise
	}
	t.Logf("SLUICE_CASES=%d", n)
	return n
}

func TestTheVerdictOnGeneratedValuesIsThatOfAnIndependentValidator(t *testing.T) {
	files := documents(t)
	each := cases(t, 10_000) / len(files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { compare(t, file, each) })
	}
}

// passed holds an answer against its schema once more as it passes through little memory: verdict and what is left are the same.
func passed(t *testing.T, p place, text []byte, whole schema.Result) {
	if p.direction != schema.Response {
		return
	}
	o := schema.Options{Direction: p.direction}
	got, err := stream.Pass(io.Discard, bytes.NewReader(text), p.schema, 1<<20, o)
	if err != nil || got.OK() != whole.OK() {
		t.Errorf("%s\n%s\nas a whole: %v\nas it passes: %v %v", p.pointer, text, whole.Faults, got.Faults, err)
	}
	o.Strip = true
	var out bytes.Buffer
	stripped := p.schema.Validate(text, o)
	if got, err = stream.Pass(&out, bytes.NewReader(text), p.schema, 1<<20, o); err != nil || got.OK() != stripped.OK() {
		t.Errorf("%s\n%s\nstripped as a whole: %v\nas it passes: %v %v", p.pointer, text, stripped.Faults, got.Faults, err)
	}
	if again := p.schema.Validate(stripped.Body, schema.Options{Direction: p.direction, Closed: true}); stripped.OK() && !again.OK() {
		t.Errorf("%s\n%s\nstripped: %s\nis refused: %v", p.pointer, text, stripped.Body, again.Faults)
	}
	if stripped.OK() && !bytes.Equal(out.Bytes(), stripped.Body) { // json.Marshal writes no white space
		t.Errorf("%s\n%s\nstripped as a whole: %s\nas it passes: %s", p.pointer, text, stripped.Body, out.Bytes())
	}
}

func compare(t *testing.T, file string, values int) {
	document := plain(t, file)
	judges := map[schema.Direction]*reference.Document{}
	for direction, as := range map[schema.Direction]reference.Direction{schema.Request: reference.Request, schema.Response: reference.Response, schema.Neither: reference.Neither} {
		judge, err := reference.New(plain(t, file), as)
		if err != nil {
			t.Fatal(err)
		}
		judges[direction] = judge
	}
	_, ops := loaded(t, compiled(t, file))
	var all []place
	for _, op := range ops {
		all = append(all, places(op, document)...)
	}
	seed := fnv.New64a()
	seed.Write([]byte(filepath.Base(file)))
	m := &generate.Maker{Rand: rand.New(rand.NewPCG(seed.Sum64(), 1)), Root: document}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	accepted, differ, unfit := 0, 0, 0
	per := max(values/len(all), 4)
	done := 0
	for _, p := range all {
		judge, err := judges[p.direction].Schema(p.pointer)
		if err != nil { // the document is untidy where the validator wants it tidy
			unfit++
			t.Log(strings.SplitN(err.Error(), "\n", 3)[0])
			continue
		}
		source := reference.Lookup(document, "#"+p.pointer)
		var value any
		for i := range per {
			if i%4 == 0 {
				value = m.Value(source, 0)
			} else {
				value = m.Mutate(value)
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			want := judge.Validate(value)
			got := p.schema.Validate(text, schema.Options{Direction: p.direction})
			done++
			passed(t, p, text, got)
			if want == nil {
				accepted++
			}
			if got.OK() != (want == nil) {
				if differ++; differ <= 3 {
					t.Errorf("%s\n%s\nhere: %v\nthere: %v", p.pointer, text, got.Faults, want)
				}
			}
		}
		if done >= values {
			break
		}
	}
	t.Logf("%d values over %d schemas: %d accepted, %d verdicts differ; %d schemas that the validator does not take", done, len(all), accepted, differ, unfit)
}
