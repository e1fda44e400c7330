package factor_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/internal/testutil"
)

func TestKindsJSON(t *testing.T) {
	in, out := []int{3, 4}, []int{2, 5}
	for _, c := range []struct {
		spec factor.Spec
		want string
	}{
		{factor.DenseSpec(5, 7).WithScope(factor.Partial), `{"kind":"dense","scope":"partial","in":[7],"out":[5]}`},
		{factor.TTSpec(in, out, 3), `{"kind":"tt","scope":"full","in":[3,4],"out":[2,5],"ranks":[1,3,1]}`},
		{factor.TRSpec(in, out, 3).WithScope(factor.Split), `{"kind":"tr","scope":"split","in":[3,4],"out":[2,5],"ranks":[3,3,3]}`},
		{factor.BTSpec(in, out, 2, 3), `{"kind":"bt","scope":"full","in":[3,4],"out":[2,5],"ranks":{"blocks":2,"rank":3}}`},
	} {
		b, err := json.Marshal(c.spec)
		if err != nil || string(b) != c.want {
			t.Errorf("%s, %v, want %s", b, err, c.want)
		}
	}
}

func TestSpecJSONIsStrict(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"kind":"tt","scope":"full","in":[3],"out":[2],"ranks":[1,1]}`, ""},
		{`{"ranks":[1,1],"out":[2],"in":[3],"scope":"full","kind":"tt"}`, ""},
		{`{"kind":"tt","scope":"full","in":[3],"out":[2],"ranks":{"0":1}}`, "structure: ranks: kind tt takes a list of ranks r_0..r_d"},
		{`{"kind":"bt","scope":"full","in":[3],"out":[2],"ranks":[1,1]}`, "structure: ranks: [1,1] stands where an object should"},
		{`{"kind":"bt","scope":"full","in":[3],"out":[2],"ranks":{"blocks":1,"r":1}}`, "structure: ranks: r: unknown key: kind bt takes blocks and rank"},
		{`{"kind":"bt","scope":"full","in":[3],"out":[2],"ranks":{"blocks":1,"blocks":1}}`, `structure: ranks: key "blocks" is there twice`},
		{`{"kind":"ht","scope":"full","in":[3],"out":[2],"ranks":{"0-":1}}`, `structure: ranks: 0-: "0-" is no tree node`},
		{`{"kind":"ht","scope":"full","in":[3],"out":[2],"ranks":{"0":1,"0":1}}`, `structure: ranks: key "0" is there twice`},
		{`{"kind":"dense","scope":"full","in":[3],"out":[2],"ranks":{}}`, "structure: ranks: kind dense takes no ranks"},
		{`{"kind":"tt","kind":"tr"}`, `structure: key "kind" is there twice`},
		{`{"kind":"tt","in":null}`, `structure: key "in" is null: give it a value or leave it out`},
		{`{"kind":"tt","Scope":"full"}`, "structure: Scope: unknown key: choose kind, scope, in, out, tree or ranks"},
		{`{"kind":"tt","in":[3.5]}`, "structure: in: json: cannot unmarshal"},
		{`{"kind":"tt","in":[99999999999999999999]}`, "structure: in: json: cannot unmarshal"},
		{`["tt"]`, `structure: ["tt"] stands where an object should`},
		{`null`, "structure: null stands where an object should"},
	} {
		var s factor.Spec
		err := json.Unmarshal([]byte(c.text), &s)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
		if err != nil && s.Kind != "" {
			t.Errorf("%s: a failed read leaves %+v", c.text, s)
		}
	}
}

// What can be read is written so that it reads the same again, and what is valid can be counted.
func FuzzSpecJSON(f *testing.F) {
	specs := kindSpecs()
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		b, err := json.Marshal(specs[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s factor.Spec
		var err error
		testutil.Bounded(t, 500*len(b)+1<<20, func() {
			if err = json.Unmarshal(b, &s); err == nil {
				_ = s.Validate()
			}
		})
		if err != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if s.Validate() != nil {
			return
		}
		var back factor.Spec
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, _ := json.Marshal(back); string(again) != string(text) {
			t.Errorf("%s came back as %s", text, again)
		}
		n, err := s.Params()
		if err != nil || n < 1 || back.Validate() != nil {
			t.Errorf("%s: %d weights, %v, %v", text, n, err, back.Validate())
		}
		if n > 1000 {
			return
		}
		l, err := factor.New(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Params() {
			n -= int64(len(p.Data))
		}
		if n != 0 {
			t.Errorf("%s: the factors hold %d numbers fewer than Params counts", text, n)
		}
	})
}
