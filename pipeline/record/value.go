package record

import (
	"math"
	"unsafe"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of a Value.
const (
	// Null is a missing field or an explicit null.
	Null Kind = iota
	// Bool is true or false.
	Bool
	// Int is a whole number within 64 bits.
	Int
	// Float is any other number; never NaN or infinite.
	Float
	// String is text: bytes as they were in the log, so not always UTF-8.
	String
	// List is an array: built values, or the text of a valid JSON array.
	List
	// Object is a set of named values: built ones, or the text of a valid JSON object.
	Object
	// Number is a number still in the text it came in, a valid JSON number. Resolve makes it an Int or a Float.
	Number
	// Error is the result of an operation that failed. It is met only inside expressions and never in a record.
	Error
)

// String is the kind's name as people write it.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "bool"
	case Int, Float, Number:
		return "number"
	case String:
		return "string"
	case List:
		return "list"
	case Object:
		return "object"
	}
	return "error"
}

// Value is one value of a record. The zero Value is null. Strings and JSON texts alias the batch or an arena: a Value is good until the
// batch it came from is released, and Clone makes one that lives longer.
//
// It is a small struct of plain words, so that it travels in registers and never needs an allocation.
type Value struct {
	kind  Kind
	plain bool // a String known to need no escaping in JSON
	bits  uint64
	text  string
	tree  *Tree
}

// Tree holds the members of a List or Object that an expression built. Names is nil for a List.
type Tree struct {
	Names  []string
	Values []Value
}

// Of makes a String that aliases s.
func Of(s string) Value { return Value{kind: String, text: s} }

// OfBytes makes a String that aliases b, which must not change while the Value is used.
func OfBytes(b []byte) Value { return Value{kind: String, text: Alias(b)} }

// Plain makes a String of which the caller knows that it is printable ASCII without quotes and backslashes: it is written to JSON
// without being looked at again.
func Plain(s string) Value { return Value{kind: String, text: s, plain: true} }

// OfBool makes a Bool.
func OfBool(b bool) Value {
	if b {
		return Value{kind: Bool, bits: 1}
	}
	return Value{kind: Bool}
}

// OfInt makes an Int.
func OfInt(n int64) Value { return Value{kind: Int, bits: uint64(n)} }

// OfFloat makes a Float, or an Int where f is a whole number that an Int holds. NaN and infinity become an Error.
func OfFloat(f float64) Value {
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return OfInt(int64(f))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Failed
	}
	return Value{kind: Float, bits: math.Float64bits(f)}
}

// OfNumber makes a Number of a valid JSON number, which is written again as it came.
func OfNumber(text string) Value { return Value{kind: Number, text: text} }

// OfList makes a List of built values.
func OfList(values []Value) Value { return Value{kind: List, tree: &Tree{Values: values}} }

// OfObject makes an Object of built values; names has one for each of them.
func OfObject(names []string, values []Value) Value {
	return Value{kind: Object, tree: &Tree{Names: names, Values: values}}
}

// OfJSON makes a List or Object of the text of a valid JSON array or object, without space around it.
func OfJSON(text string) Value {
	if len(text) > 0 && text[0] == '[' {
		return Value{kind: List, text: text}
	}
	return Value{kind: Object, text: text}
}

// Failed is the Error value.
var Failed = Value{kind: Error}

// Kind is the value's kind.
func (v Value) Kind() Kind { return v.kind }

// IsNull says whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// IsNumber says whether v is a number of any kind.
func (v Value) IsNumber() bool { return v.kind == Int || v.kind == Float || v.kind == Number }

// Str is the text of a String or a Number, and the JSON text of a List or Object that has one; else empty.
func (v Value) Str() string { return v.text }

// Int is the number of an Int.
func (v Value) Int() int64 { return int64(v.bits) }

// Float is the number of an Int or Float.
func (v Value) Float() float64 {
	if v.kind == Int {
		return float64(int64(v.bits))
	}
	return math.Float64frombits(v.bits)
}

// Bool is the truth of a Bool.
func (v Value) Bool() bool { return v.bits != 0 }

// IsPlain says whether v is a String known to need no escaping in JSON.
func (v Value) IsPlain() bool { return v.plain }

// Tree is the built members of a List or Object, nil where there is a JSON text instead (see Members).
func (v Value) Tree() *Tree { return v.tree }

// Resolve makes an Int or Float of a Number and leaves other values as they are. Whole numbers beyond 64 bits become a Float, which
// loses their last digits; a Number that is only passed on loses nothing.
func (v Value) Resolve() Value {
	if v.kind != Number {
		return v
	}
	n, ok := ParseNumber(v.text)
	if !ok {
		return Failed
	}
	return n
}

// Clone makes a value that aliases nothing.
func (v Value) Clone() Value {
	if v.text != "" {
		v.text = string([]byte(v.text))
	}
	if v.tree != nil {
		t := &Tree{Values: make([]Value, len(v.tree.Values))}
		for i, m := range v.tree.Values {
			t.Values[i] = m.Clone()
		}
		for _, n := range v.tree.Names {
			t.Names = append(t.Names, string([]byte(n)))
		}
		v.tree = t
	}
	return v
}

// Alias is b as a string that shares its bytes.
func Alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func unsafeBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
