package lags

import (
	"encoding/json"
	"testing"
)

func TestForms(t *testing.T) {
	for _, c := range []struct {
		list       List
		text, json string
	}{
		{List{}, "0", "0"}, {List{5}, "5", "5"}, {List{3, 8}, "3,8", "[3,8]"}, {List{1, 2, 3, 4, 5, 6, 7, 1000}, "1,2,3,4,5,6,7,1000", "[1,2,3,4,5,6,7,1000]"},
	} {
		var text, js List
		if err := text.UnmarshalText([]byte(c.text)); err != nil || text != c.list {
			t.Errorf("text %s: %v, %v", c.text, text, err)
		}
		if err := json.Unmarshal([]byte(c.json), &js); err != nil || js != c.list {
			t.Errorf("JSON %s: %v, %v", c.json, js, err)
		}
		if b, err := json.Marshal(c.list); err != nil || string(b) != c.json {
			t.Errorf("%v is written %s, %v", c.list, b, err)
		}
		if b, err := c.list.MarshalText(); err != nil || (string(b) != c.text && c.list.Len() > 0) {
			t.Errorf("%v is written %s, %v", c.list, b, err)
		}
		if err := c.list.Validate(); err != nil {
			t.Error(err)
		}
	}
	var one List
	if err := json.Unmarshal([]byte("[7]"), &one); err != nil || one != (List{7}) {
		t.Errorf("[7]: %v, %v", one, err)
	}
	if l := (List{3, 8}); l.Len() != 2 || l.Last() != 8 || (List{}).Last() != 0 {
		t.Error("Len or Last is wrong")
	}
	if b, err := json.Marshal(struct {
		Lag List `json:"lag,omitzero"`
	}{}); err != nil || string(b) != "{}" {
		t.Errorf("no lag is written %s, %v", b, err)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[]": "a list of 0 lags: want 1 to 8", "[1,2,3,4,5,6,7,8,9]": "a list of 9 lags: want 1 to 8", "[3,3]": "lag 3,3: want different numbers that rise",
		"[8,3]": "lag 8,3: want different numbers that rise", "[0,3]": "lag 0: want 1 to 1000 source frames", "[3,0]": "lag 0: want 1 to 1000 source frames",
		"[0]": "a list of 0: leave the key out", "[3,1001]": "lag 1001: want 1 to 1000 source frames", "[-1,3]": "lag -1: want 1 to 1000 source frames",
		"2.5": "2.5: want a whole number, or a list of them", `["3"]`: `["3"]: want a whole number, or a list of them`, `"3"`: `"3": want a whole number, or a list of them`,
	} {
		l := List{9}
		if err := json.Unmarshal([]byte(text), &l); err == nil || err.Error() != want || l != (List{9}) {
			t.Errorf("%s: %v, %v, want %q", text, l, err, want)
		}
	}
	for text, want := range map[string]string{
		"3,3": "lag 3,3: want different numbers that rise", "x": `"x": want a number of source frames, such as 5, or a rising list, such as 3,8`,
		"3,": `"3,": want a number of source frames, such as 5, or a rising list, such as 3,8`, "3,0": "lag 0: want 1 to 1000 source frames",
	} {
		l := List{9}
		if err := l.UnmarshalText([]byte(text)); err == nil || err.Error() != want || l != (List{9}) {
			t.Errorf("%s: %v, %v, want %q", text, l, err, want)
		}
	}
	for want, l := range map[string]List{
		"lag -1: want 1 to 1000 source frames": {-1}, "lag 0: want 1 to 1000 source frames": {0, 5}, "lag 3,5,4: want different numbers that rise": {3, 5, 4},
	} {
		if err := l.Validate(); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %q", l, err, want)
		}
	}
}
