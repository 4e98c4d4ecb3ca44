package parse

import "github.com/kinetail/kinetail/pipeline/record"

// nameCheck finds names that occur twice without comparing all with all: a bit for each of 64 hashes, and from 64 names on a map.
type nameCheck struct {
	seen uint64
	many map[string]int
}

const fewNames = 64

func (c *nameCheck) reset() {
	c.seen = 0
	if len(c.many) > 0 {
		c.many = nil
	}
}

// add adds a field, or gives the one of that name a new value: the last one counts, as it does for most readers of JSON.
func (c *nameCheck) add(r *record.Record, name string, v record.Value) {
	if len(r.Fields) >= fewNames {
		c.addToMany(r, name, v)
		return
	}
	bit := uint64(1)
	if n := len(name); n > 0 {
		bit <<= (uint(name[0])*7 + uint(name[n-1])*13 + uint(name[n/2])*3 + uint(n)) % 64
	}
	if c.seen&bit != 0 {
		r.Set(name, v)
		return
	}
	c.seen |= bit
	r.Add(name, v)
}

func (c *nameCheck) addToMany(r *record.Record, name string, v record.Value) {
	if c.many == nil {
		c.many = make(map[string]int, 2*len(r.Fields))
		for i, f := range r.Fields {
			c.many[f.Name] = i
		}
	}
	if i, ok := c.many[name]; ok {
		r.Fields[i].Value = v
		return
	}
	c.many[name] = len(r.Fields)
	r.Add(name, v)
}
