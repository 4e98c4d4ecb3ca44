package status

// Distribution says how often values occurred: milliseconds, or records.
type Distribution struct {
	Sum     int64   `json:"sum"`
	Classes []Class `json:"classes"` // ascending
}

// Class counts the values from Low to below High.
type Class struct {
	Low   int64 `json:"low"`
	High  int64 `json:"high"`
	Count int64 `json:"count"`
}

// Count is how many values there are.
func (d Distribution) Count() (n int64) {
	for _, c := range d.Classes {
		n += c.Count
	}
	return n
}

// Quantile is a value that a share q (0 to 1) of the values do not exceed, an eighth off at most; 0 where there are none.
func (d Distribution) Quantile(q float64) int64 {
	rank := q * float64(d.Count())
	for _, c := range d.Classes {
		if rank -= float64(c.Count); rank <= 0 {
			return c.Middle()
		}
	}
	return 0
}

// Middle stands for all values of the class.
func (c Class) Middle() int64 { return (c.Low + c.High - 1) / 2 }

// Plus adds up two distributions.
func (d Distribution) Plus(o Distribution) Distribution { return d.merge(o, 1) }

// Minus is what d, the later, has more than o.
func (d Distribution) Minus(o Distribution) Distribution { return d.merge(o, -1) }

func (d Distribution) merge(o Distribution, sign int64) Distribution {
	out := Distribution{Sum: d.Sum + sign*o.Sum}
	a, b := d.Classes, o.Classes
	for len(a) > 0 || len(b) > 0 {
		var c Class
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Low < b[0].Low:
			c, a = a[0], a[1:]
		case len(a) == 0 || b[0].Low < a[0].Low:
			c, b = b[0], b[1:]
			c.Count *= sign
		default:
			c = a[0]
			c.Count += sign * b[0].Count
			a, b = a[1:], b[1:]
		}
		if c.Count > 0 {
			out.Classes = append(out.Classes, c)
		}
	}
	return out
}
