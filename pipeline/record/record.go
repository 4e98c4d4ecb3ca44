package record

// Field is one named value. Names alias the configuration, the format or the batch, like values.
type Field struct {
	Name  string
	Value Value
}

// Record is one record's fields in the order in which they are written. No name occurs twice: whoever fills Fields directly sees to
// that. A Record is used again for the next record, so it allocates nothing once it has grown.
type Record struct {
	Fields []Field
}

// Reset empties the record and keeps its space.
func (r *Record) Reset() { r.Fields = r.Fields[:0] }

// Add appends a field whose name is known to be new.
func (r *Record) Add(name string, v Value) { r.Fields = append(r.Fields, Field{name, v}) }

// Index is the place of the field, -1 where there is none.
func (r *Record) Index(name string) int {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Get is the field's value, null where there is none.
func (r *Record) Get(name string) Value {
	if i := r.Index(name); i >= 0 {
		return r.Fields[i].Value
	}
	return Value{}
}

// Set replaces the field's value in its place, or appends it.
func (r *Record) Set(name string, v Value) {
	if i := r.Index(name); i >= 0 {
		r.Fields[i].Value = v
		return
	}
	r.Add(name, v)
}

// Remove takes the field out; the others keep their order.
func (r *Record) Remove(name string) bool {
	i := r.Index(name)
	if i < 0 {
		return false
	}
	r.Fields = append(r.Fields[:i], r.Fields[i+1:]...)
	return true
}

// Rename gives the field another name in its place. A field that had the new name is replaced.
func (r *Record) Rename(from, to string) bool {
	if from == to {
		return r.Index(from) >= 0
	}
	if r.Index(from) < 0 {
		return false
	}
	r.Remove(to)
	r.Fields[r.Index(from)].Name = to
	return true
}
