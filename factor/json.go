package factor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// specJSON is a Spec as JSON has it. Ranks is map[Range]int, []int, blocksJSON or nil.
type specJSON struct {
	Kind  Kind  `json:"kind"`
	Scope Scope `json:"scope"`
	In    []int `json:"in"`
	Out   []int `json:"out"`
	Tree  Tree  `json:"tree,omitzero"`
	Ranks any   `json:"ranks,omitempty"`
}

type blocksJSON struct {
	Blocks int `json:"blocks"`
	Rank   int `json:"rank"`
}

// MarshalJSON writes
//
//	{"kind":"ht","scope":"full","in":[3,4],"out":[2,3],"tree":[0,1],"ranks":{"0":3,"1":3}}
//
// with "ranks" by kind: an object of nodes for HT, the list r_0..r_d for TT and TR, {"blocks":P,"rank":r} for BT; dense has none.
func (s Spec) MarshalJSON() ([]byte, error) {
	out := specJSON{Kind: s.Kind, Scope: s.Scope, In: s.In, Out: s.Out, Tree: s.Tree}
	switch {
	case len(s.Ranks) > 0:
		out.Ranks = s.Ranks
	case len(s.Bonds) > 0:
		out.Ranks = s.Bonds
	case s.Blocks != 0 || s.BlockRank != 0:
		out.Ranks = blocksJSON{s.Blocks, s.BlockRank}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes. It is strict about form (a key that is unknown, there twice or null is an error) and
// leaves the values to Validate.
func (s *Spec) UnmarshalJSON(b []byte) error {
	var out Spec
	var ranks json.RawMessage
	err := members(b, func(key string, value json.RawMessage) error {
		switch key {
		case "kind":
			return json.Unmarshal(value, &out.Kind)
		case "scope":
			return json.Unmarshal(value, &out.Scope)
		case "in":
			return json.Unmarshal(value, &out.In)
		case "out":
			return json.Unmarshal(value, &out.Out)
		case "tree":
			return json.Unmarshal(value, &out.Tree)
		case "ranks":
			ranks = value
			return nil
		}
		return errors.New("unknown key: choose kind, scope, in, out, tree or ranks")
	})
	if err == nil && ranks != nil {
		if err = out.unmarshalRanks(ranks); err != nil {
			err = fmt.Errorf("ranks: %w", err)
		}
	}
	if err != nil {
		return fmt.Errorf("structure: %w", err)
	}
	*s = out
	return nil
}

func (s *Spec) unmarshalRanks(b []byte) error {
	switch s.Kind {
	case TT, TR:
		if err := json.Unmarshal(b, &s.Bonds); err != nil {
			return fmt.Errorf("kind %s takes a list of ranks r_0..r_d: %w", s.Kind, err)
		}
	case BT:
		return members(b, func(key string, value json.RawMessage) error {
			switch key {
			case "blocks":
				return json.Unmarshal(value, &s.Blocks)
			case "rank":
				return json.Unmarshal(value, &s.BlockRank)
			}
			return errors.New("unknown key: kind bt takes blocks and rank")
		})
	case HT:
		s.Ranks = map[Range]int{}
		return members(b, func(key string, value json.RawMessage) error {
			var n Range
			if err := n.UnmarshalText([]byte(key)); err != nil {
				return err
			}
			var r int
			if err := json.Unmarshal(value, &r); err != nil {
				return err
			}
			s.Ranks[n] = r
			return nil
		})
	case Dense:
		return errors.New("kind dense takes no ranks")
	}
	return nil // Validate rejects the kind
}

// members calls f for each member of the JSON object b in turn. A key that is there twice or null is an error.
func members(b []byte, f func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%s stands where an object should", excerpt(b))
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // a member starts with a string, or Token has failed
		if seen[key] {
			return fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if string(value) == "null" {
			return fmt.Errorf("key %q is null: give it a value or leave it out", key)
		}
		if err := f(key, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the object")
	}
	return nil
}

// excerpt is the start of b.
func excerpt(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "..."
	}
	return string(b)
}
