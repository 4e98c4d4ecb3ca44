package emit

import (
	"math/bits"
	"sync/atomic"
)

// Values below 8 are counted one by one; above, each doubling is divided into 4 classes, up to 2^23 (2.3 hours in milliseconds). So a
// class's middle is at most an eighth off, and a distribution has no more classes than one datum of CloudWatch may have values: 150.
const (
	exactValues = 8
	perDoubling = 4
	classes     = exactValues + (23-3)*perDoubling
)

// Distribution counts how often values from 0 on occur. Safe for concurrent use; the zero value is ready.
type Distribution struct {
	sum    atomic.Int64
	counts [classes]atomic.Int64
}

// Class says how often a value from Low to below High occurred.
type Class struct{ Low, High, Count int64 }

// Add counts a value n times. Values beyond the last class are counted in it.
func (d *Distribution) Add(value, n int64) {
	value = max(0, value)
	d.sum.Add(value * n)
	i := value
	if value >= exactValues {
		e := bits.Len64(uint64(value)) - 1
		i = exactValues + int64(e-3)*perDoubling + value>>(e-2)&(perDoubling-1)
	}
	d.counts[min(i, classes-1)].Add(n)
}

// Read returns the sum of all values, and the classes that have any, ascending.
func (d *Distribution) Read() (sum int64, all []Class) {
	for i := range d.counts {
		n := d.counts[i].Load()
		if n == 0 {
			continue
		}
		c := Class{int64(i), int64(i) + 1, n}
		if i >= exactValues {
			e := (i-exactValues)/perDoubling + 1 // classes are 2^e wide
			c.Low = int64(perDoubling+(i-exactValues)%perDoubling) << e
			c.High = c.Low + 1<<e
		}
		all = append(all, c)
	}
	return d.sum.Load(), all
}
