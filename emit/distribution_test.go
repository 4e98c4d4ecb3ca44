package emit

import "testing"

func TestEveryValueIsInItsClass(t *testing.T) {
	for v := int64(0); v < 1<<23; v += 1 + v/100 {
		var d Distribution
		d.Add(v, 3)
		sum, all := d.Read()
		if sum != 3*v || len(all) != 1 || all[0].Count != 3 || v < all[0].Low || v >= all[0].High || all[0].High-all[0].Low > max(1, v/4) {
			t.Fatalf("%d is in %v, sum %d", v, all, sum)
		}
	}
}

func TestClassesJoin(t *testing.T) {
	var d Distribution
	for i := range d.counts {
		d.counts[i].Add(1)
	}
	_, all := d.Read()
	next := int64(0)
	for _, c := range all {
		if c.Low != next {
			t.Fatalf("a class begins at %d, the one before ends at %d", c.Low, next)
		}
		next = c.High
	}
	if next != 1<<23 || len(all) > 150 {
		t.Errorf("%d classes up to %d", len(all), next)
	}
	d.Add(1<<40, 1)
	d.Add(-5, 1)
	if _, all := d.Read(); all[0].Count != 2 || all[len(all)-1].Count != 2 {
		t.Error("values outside are not in the first and the last class")
	}
}
