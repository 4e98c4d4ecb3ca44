package status

import (
	"fmt"
	"strings"
)

// scale is what an axis shows: up to the first of its steps that all points are below, the least of which makes a calm flow look calm; above
// the last, twice as much again and again.
type scale struct {
	show  func(float64) string
	steps []float64
}

var (
	ageScale  = scale{Age, []float64{10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 12 * 3600, 24 * 3600}}
	rateScale = scale{func(v float64) string { return Size(int64(v)) + "/s" }, []float64{
		1 << 10, 2 << 10, 5 << 10, 10 << 10, 20 << 10, 50 << 10, 100 << 10, 200 << 10, 500 << 10,
		1 << 20, 2 << 20, 5 << 20, 10 << 20, 20 << 20, 50 << 20, 100 << 20, 200 << 20, 500 << 20, 1 << 30,
	}}
)

// top is where the axis ends.
func (s scale) top(points []point) float64 {
	most := 0.0
	for _, one := range points {
		most = max(most, one.value)
	}
	for _, step := range s.steps {
		if most <= step {
			return step
		}
	}
	top := s.steps[len(s.steps)-1]
	for top < most {
		top *= 2
	}
	return top
}

// plot draws points of the last 15 minutes.
func (p *page) plot(title, current string, points []point, s scale) {
	const width, height = 900, 100 // a unit is a second
	top := s.top(points)
	p.raw("<figure><figcaption>")
	p.tag("span", "", title)
	p.tag("b", "", current)
	p.raw(`</figcaption><div class="plot">`)
	fmt.Fprintf(p, `<svg viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="`, width, height)
	p.text(title + " over the last 15 minutes, now " + current + ", scale to " + s.show(top))
	p.raw(`">`)
	for _, x := range []int{300, 600} {
		fmt.Fprintf(p, `<line class="grid" x1="%d" y1="0" x2="%d" y2="%d" vector-effect="non-scaling-stroke"/>`, x, x, height)
	}
	fmt.Fprintf(p, `<line class="grid" x1="0" y1="%d" x2="%d" y2="%d" vector-effect="non-scaling-stroke"/>`, height/2, width, height/2)
	if len(points) > 1 {
		var curve strings.Builder
		at := func(one point) (x, y float64) { return width - one.ago, height - 2 - (height-4)*one.value/top }
		for i, one := range points {
			x, y := at(one)
			fmt.Fprintf(&curve, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
		}
		first, _ := at(points[0])
		last, _ := at(points[len(points)-1])
		fmt.Fprintf(p, `<path class="area" d="%sL%.1f %dL%.1f %dZ"/>`, curve.String(), last, height, first, height)
		fmt.Fprintf(p, `<path class="curve" d="%s" vector-effect="non-scaling-stroke"/>`, curve.String())
	}
	p.raw("</svg>")
	p.tag("span", "top", s.show(top))
	p.raw(`</div><div class="axis"><span>15 min ago</span><span>now</span></div></figure>`)
}
