package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func asJSON(r *Record) string {
	n := 0
	return string(r.AppendJSON(nil, &n))
}

func TestFieldsKeepTheirOrder(t *testing.T) {
	var r Record
	for _, n := range []string{"a", "b", "c", "d"} {
		r.Add(n, Of(n))
	}
	r.Set("b", OfInt(2))
	r.Set("e", OfBool(true))
	if !r.Remove("c") || r.Remove("zz") {
		t.Error("Remove")
	}
	if !r.Rename("a", "x") || r.Rename("zz", "y") || !r.Rename("d", "b") || !r.Rename("b", "b") {
		t.Error("Rename")
	}
	if got, want := asJSON(&r), `{"x":"a","b":"d","e":true}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if r.Get("x").Str() != "a" || !r.Get("gone").IsNull() {
		t.Error("Get")
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]string{
		"0": "0", "-12": "-12", "+7": "7", "1.50": "1.5", "1e3": "1000", "123456789012345678": "123456789012345678", ".5": "0.5", "1e21": "1e+21", "2e-7": "2e-07",
		"": "", "abc": "", "1e999": "", "0x10": "", "1_000": "", "1;": "", "-": "", "Inf": "", "NaN": "", "1.2.3": "",
	} {
		v, ok := ParseNumber(s)
		n := 0
		if got := string(AppendValue(nil, v, &n)); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %v %s, want %s", s, ok, got, want)
		}
	}
	if OfFloat(math.NaN()).Kind() != Error || OfFloat(math.Inf(1)).Kind() != Error || OfFloat(3).Kind() != Int || OfFloat(1e300).Kind() != Float {
		t.Error("OfFloat")
	}
	if v := OfNumber("18446744073709551615").Resolve(); v.Kind() != Float || v.Float() != 18446744073709551615 {
		t.Error("a number beyond 64 bits")
	}
}

func TestMembers(t *testing.T) {
	var arena []byte
	built := OfObject([]string{"a", "k\"q", "z"}, []Value{OfInt(1), OfList([]Value{Of("x"), {}}), OfJSON(`[1]`)})
	n := 0
	text := string(AppendValue(nil, built, &n))
	if want := `{"a":1,"k\"q":["x",null],"z":[1]}`; text != want {
		t.Fatalf("%s, want %s", text, want)
	}
	for _, v := range []Value{built, OfJSON(text), OfJSON(strings.NewReplacer(",", " , ", ":", " : ").Replace(text)), built.Clone(), OfJSON(text).Clone()} {
		m, ok := v.Member("k\"q", &arena)
		e, ok2 := m.Element(0, &arena)
		if !ok || !ok2 || e.Str() != "x" || v.Len(&arena) != 3 || m.Len(&arena) != 2 {
			t.Errorf("%+v", v)
		}
		if _, ok := v.Member("none", &arena); ok {
			t.Error("a member that isn't there")
		}
		if _, ok := m.Element(2, &arena); ok {
			t.Error("an element that isn't there")
		}
	}
	if v, _ := OfJSON(`{"a":1,"a":2}`).Member("a", &arena); v.Resolve().Int() != 2 {
		t.Error("the last of two counts")
	}
}

func TestCloneAliasesNothing(t *testing.T) {
	b := []byte(`text`)
	v := OfBytes(b)
	c := v.Clone()
	b[0] = 'T'
	if v.Str() != "Text" || c.Str() != "text" {
		t.Errorf("%q %q", v.Str(), c.Str())
	}
}

// FuzzString compares with encoding/json: any bytes become a JSON string that reads back as the same text.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain text of some length", "a\"b\\c\n\x00\x1f\x7f", "\xff\xfe", "é\u2028\U0001f600", strings.Repeat("x", 17) + "\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		replaced := 0
		out := AppendString(nil, s, &replaced)
		var got string
		if err := json.Unmarshal(out, &got); err != nil || got != string([]rune(s)) {
			t.Fatalf("%q: %v %q", out, err, got)
		}
		if (replaced > 0) == utf8.ValidString(s) {
			t.Fatalf("%q: %d replaced", s, replaced)
		}
		var arena []byte
		text, end, _, ok := ReadString(string(out), 0, &arena)
		if !ok || end != len(out) || text != got {
			t.Fatalf("read back %q of %q", text, out)
		}
	})
}

// FuzzReadJSON compares with encoding/json on any value.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\ud800",null,true]}`, `"\u12`, `01`, `-`, `[`, "{\"a\" :\n1}", `tru`, "\"\xff\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var arena []byte
		v, end, ok := ReadJSON(s, 0, &arena)
		ok = ok && SkipSpace(s, end) == len(s)
		if strings.Count(s, "[")+strings.Count(s, "{") > 500 {
			return
		}
		if ok != json.Valid([]byte(s)) {
			t.Fatalf("%q: %v", s, ok)
		}
		if !ok {
			return
		}
		replaced := 0
		out := AppendValue(nil, v, &replaced)
		var a, b any
		if json.Unmarshal([]byte(s), &a) != nil {
			return // a number that Go's floats can't hold
		}
		if err := json.Unmarshal(out, &b); err != nil || !utf8.Valid(out) {
			t.Fatalf("%q became %q: %v", s, out, err)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Fatalf("%q became %q", s, out)
		}
	})
}
