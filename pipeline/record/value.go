package record

import (
	"math"
	"strings"
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
// It has three words, because the compiler keeps no struct of more than four in registers: with five, a comparison took three times as
// long.
type Value struct {
	kind  Kind
	shape shape
	bits  uint64         // the number; the length of a text
	data  unsafe.Pointer // the bytes of a text, or a *Tree
}

// shape says more about a kind.
type shape uint8

const (
	plain shape = 1 + iota // a String known to need no escaping in JSON
	built                  // a List or Object whose members are in a Tree
)

func textValue(kind Kind, sh shape, s string) Value {
	return Value{kind, sh, uint64(len(s)), unsafe.Pointer(unsafe.StringData(s))}
}

// Tree holds the members of a List or Object that an expression built. Names is nil for a List.
type Tree struct {
	Names  []string
	Values []Value
}

// Of makes a String that aliases s.
func Of(s string) Value { return textValue(String, 0, s) }

// OfBytes makes a String that aliases b, which must not change while the Value is used.
func OfBytes(b []byte) Value { return textValue(String, 0, Alias(b)) }

// Plain makes a String of which the caller knows that it is printable ASCII without quotes and backslashes: it is written to JSON
// without being looked at again.
func Plain(s string) Value { return textValue(String, plain, s) }

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
func OfNumber(text string) Value { return textValue(Number, 0, text) }

// OfList makes a List of built values.
func OfList(values []Value) Value { return treeValue(List, &Tree{Values: values}) }

func treeValue(kind Kind, t *Tree) Value {
	return Value{kind: kind, shape: built, data: unsafe.Pointer(t)}
}

// OfObject makes an Object of built values; names has one for each of them.
func OfObject(names []string, values []Value) Value {
	return treeValue(Object, &Tree{Names: names, Values: values})
}

// OfJSON makes a List or Object of the text of a valid JSON array or object, without space around it.
func OfJSON(text string) Value {
	if len(text) > 0 && text[0] == '[' {
		return textValue(List, 0, text)
	}
	return textValue(Object, 0, text)
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
func (v Value) Str() string {
	if v.kind < String || v.shape == built || v.kind == Error {
		return ""
	}
	return v.text()
}

// text is the text of a value known to have one.
func (v Value) text() string { return unsafe.String((*byte)(v.data), int(v.bits)) }

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
func (v Value) IsPlain() bool { return v.shape == plain && v.kind == String }

// Tree is the built members of a List or Object, nil where there is a JSON text instead (see Members).
func (v Value) Tree() *Tree {
	if v.shape != built {
		return nil
	}
	return (*Tree)(v.data)
}

// Resolve makes an Int or Float of a Number and leaves other values as they are. Whole numbers beyond 64 bits become a Float, which
// loses their last digits; a Number that is only passed on loses nothing.
func (v Value) Resolve() Value {
	if v.kind != Number {
		return v
	}
	n, ok := ParseNumber(v.text())
	if !ok {
		return Failed
	}
	return n
}

// Clone makes a value that aliases nothing.
func (v Value) Clone() Value {
	if t := v.Tree(); t != nil {
		c := &Tree{Values: make([]Value, len(t.Values))}
		for i, m := range t.Values {
			c.Values[i] = m.Clone()
		}
		for _, n := range t.Names {
			c.Names = append(c.Names, strings.Clone(n))
		}
		return treeValue(v.kind, c)
	}
	if s := v.Str(); s != "" {
		return textValue(v.kind, v.shape, strings.Clone(s))
	}
	return v
}

// Alias is b as a string that shares its bytes.
func Alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Bytes is s as a slice that shares its bytes: they must not be written to.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
