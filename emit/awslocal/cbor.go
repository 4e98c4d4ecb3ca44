package awslocal

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// Bytes and values are smithy's business, which is in the binary for CloudWatch's sake; structs are ours.

// valuer and setter are types that have a form of their own.
type (
	valuer interface{ cborValue() cbor.Value }
	setter interface{ setCBOR(cbor.Value) error }
)

func encodeCBOR(v any) ([]byte, error) {
	value, err := valueOf(reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	return cbor.Encode(value), nil
}

func decodeCBOR(body []byte, into any) error {
	v, err := cbor.Decode(body)
	if err != nil {
		return err
	}
	return setValue(v, reflect.ValueOf(into).Elem())
}

// member is the name of a field on the wire; "" if it is not there.
func member(f reflect.StructField) (name string, omitEmpty bool) {
	if f.Tag.Get("cbor") == "-" || !f.IsExported() && !f.Anonymous {
		return "", false
	}
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = f.Name
	}
	return name, rest == "omitempty"
}

func valueOf(v reflect.Value) (cbor.Value, error) {
	if v.IsValid() && v.CanInterface() {
		if own, ok := v.Interface().(valuer); ok {
			return own.cborValue(), nil
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &cbor.Nil{}, nil
		}
		return valueOf(v.Elem())
	case reflect.Bool:
		return cbor.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		if n := v.Int(); n < 0 {
			return cbor.NegInt(-n), nil // #nosec G115
		}
		return cbor.Uint(v.Int()), nil // #nosec G115
	case reflect.Float64:
		return cbor.Float64(v.Float()), nil
	case reflect.String:
		return cbor.String(v.String()), nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return cbor.Slice(v.Bytes()), nil
		}
		list := cbor.List{}
		for i := range v.Len() {
			item, err := valueOf(v.Index(i))
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case reflect.Map:
		out := cbor.Map{}
		for it := v.MapRange(); it.Next(); {
			item, err := valueOf(it.Value())
			if err != nil {
				return nil, err
			}
			out[it.Key().String()] = item
		}
		return out, nil
	case reflect.Struct:
		return structOf(v)
	}
	return nil, fmt.Errorf("%v has no form in CBOR", v.Kind())
}

func structOf(v reflect.Value) (cbor.Value, error) {
	out := cbor.Map{}
	for i := range v.NumField() {
		name, omitEmpty := member(v.Type().Field(i))
		if name == "" || omitEmpty && v.Field(i).IsZero() {
			continue
		}
		item, err := valueOf(v.Field(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = item
	}
	return out, nil
}

// setValue leaves what has another type as an error, as the services do.
func setValue(v cbor.Value, into reflect.Value) error {
	if _, null := v.(*cbor.Nil); null || v == nil {
		return nil
	}
	if own, ok := into.Addr().Interface().(setter); ok {
		return own.setCBOR(v)
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return setValue(v, into.Elem())
	case reflect.Bool:
		if b, ok := v.(cbor.Bool); ok {
			into.SetBool(bool(b))
			return nil
		}
	case reflect.String:
		if s, ok := v.(cbor.String); ok {
			into.SetString(string(s))
			return nil
		}
	case reflect.Int, reflect.Int64:
		if n, ok := number(v); ok && n == math.Trunc(n) {
			into.SetInt(int64(n))
			return nil
		}
	case reflect.Float64:
		if n, ok := number(v); ok {
			into.SetFloat(n)
			return nil
		}
	case reflect.Slice:
		if b, ok := v.(cbor.Slice); ok && into.Type().Elem().Kind() == reflect.Uint8 {
			into.SetBytes(b)
			return nil
		}
		if list, ok := v.(cbor.List); ok {
			into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
			for i, item := range list {
				if err := setValue(item, into.Index(i)); err != nil {
					return fmt.Errorf("%d: %w", i, err)
				}
			}
			return nil
		}
	case reflect.Map:
		if m, ok := v.(cbor.Map); ok {
			into.Set(reflect.MakeMapWithSize(into.Type(), len(m)))
			for key, item := range m {
				e := reflect.New(into.Type().Elem()).Elem()
				if err := setValue(item, e); err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
				into.SetMapIndex(reflect.ValueOf(key), e)
			}
			return nil
		}
	case reflect.Struct:
		if m, ok := v.(cbor.Map); ok {
			return setStruct(m, into)
		}
	}
	return fmt.Errorf("%T cannot be a %v", v, into.Kind())
}

func setStruct(m cbor.Map, into reflect.Value) error {
	for i := range into.NumField() {
		f := into.Type().Field(i)
		name, _ := member(f)
		if f.Anonymous {
			if err := setStruct(m, into.Field(i)); err != nil {
				return err
			}
			continue
		}
		if item, ok := m[name]; ok && name != "" {
			if err := setValue(item, into.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func number(v cbor.Value) (float64, bool) {
	switch n := v.(type) {
	case cbor.Uint:
		return float64(n), true
	case cbor.NegInt:
		return -float64(n), true
	case cbor.Float32:
		return float64(n), true
	case cbor.Float64:
		return float64(n), true
	}
	return 0, false
}

// tagged is the number in a timestamp, whatever its unit.
func tagged(v cbor.Value) (float64, error) {
	tag, ok := v.(*cbor.Tag)
	if !ok || tag.ID != 1 {
		return 0, fmt.Errorf("%T cannot be a timestamp", v)
	}
	n, ok := number(tag.Value)
	if !ok {
		return 0, fmt.Errorf("%T cannot be a timestamp", tag.Value)
	}
	return n, nil
}
