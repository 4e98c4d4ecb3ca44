package status

import (
	"bytes"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// textFormat is the content type of Prometheus's text format, which every version of Prometheus and the collectors that took after it read.
const textFormat = "text/plain; version=0.0.4; charset=utf-8"

// desc describes a family: samples of one name, told apart by the values of their labels.
type desc struct {
	name, help, kind string
	labels           []string
}

const (
	gaugeKind     = "gauge"
	counterKind   = "counter"
	histogramKind = "histogram"
)

func newDesc(name, help string, labels ...string) *desc {
	kind := gaugeKind
	if strings.HasSuffix(name, "_total") {
		kind = counterKind
	}
	return &desc{name, help, kind, labels}
}

// exposition collects samples and writes them by family, as the format wants them, however they come. Families are in the order of their
// first samples.
type exposition struct {
	families []*family
	byName   map[string]*family
}

type family struct {
	*desc
	samples bytes.Buffer
}

// add takes a sample with one value for each label of d.
func (e *exposition) add(d *desc, v float64, labels ...string) { e.sample(d, "", "", v, labels) }

// histogramBounds are those of the buckets, in what the distribution counts (milliseconds, records): a power of two less one each, so that
// they are where its classes end.
var histogramBounds = func() (all []int64) {
	for n := int64(1); n <= 1<<16; n *= 2 {
		all = append(all, n)
	}
	return all
}()

// histogram takes a distribution. per is how many of its values make the base unit: 1000 milliseconds, of which parts were cut off; 1 for
// whole things.
func (e *exposition) histogram(d *desc, per float64, from Distribution, labels ...string) {
	seen, classes := int64(0), from.Classes
	for _, bound := range histogramBounds {
		for len(classes) > 0 && classes[0].High <= bound {
			seen += classes[0].Count
			classes = classes[1:]
		}
		le := float64(bound) / per
		if per == 1 {
			le = float64(bound - 1)
		}
		if le > 0 {
			e.sample(d, "_bucket", strconv.FormatFloat(le, 'g', -1, 64), float64(seen), labels)
		}
	}
	n := float64(from.Count())
	e.sample(d, "_bucket", "+Inf", n, labels)
	e.sample(d, "_sum", "", float64(from.Sum)/per, labels)
	e.sample(d, "_count", "", n, labels)
}

func (e *exposition) sample(d *desc, suffix, le string, v float64, labels []string) {
	f := e.byName[d.name]
	if f == nil {
		f = &family{desc: d}
		if e.byName == nil {
			e.byName = map[string]*family{}
		}
		e.byName[d.name] = f
		e.families = append(e.families, f)
	}
	b := &f.samples
	b.WriteString(d.name)
	b.WriteString(suffix)
	for i, name := range d.labels {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(name)
		b.WriteString(`="`)
		_, _ = escapeLabel.WriteString(b, strings.ToValidUTF8(labels[i], "\uFFFD"))
		b.WriteByte('"')
	}
	if le != "" { // a histogram has labels of its own, too
		b.WriteString(`,le="`)
		b.WriteString(le)
		b.WriteByte('"')
	}
	if len(d.labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 { // counts read better without an exponent
		b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(v), 10))
	} else {
		b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	}
	b.WriteByte('\n')
}

var (
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

func (e *exposition) bytes() []byte {
	var b bytes.Buffer
	for _, f := range e.families {
		b.WriteString("# HELP " + f.name + " " + escapeHelp.Replace(f.help) + "\n")
		b.WriteString("# TYPE " + f.name + " " + f.kind + "\n")
		b.Write(f.samples.Bytes())
	}
	return b.Bytes()
}

// serveMetrics answers a scrape. With ?files=1 there is lag by file, too.
func serveMetrics(summary, snapshot func() *Snapshot) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var e exposition
		if r.URL.Query().Get("files") == "1" {
			s := snapshot()
			collect(&e, s)
			collectFiles(&e, s)
		} else {
			collect(&e, summary())
		}
		collectProcess(&e)
		text := e.bytes()
		w.Header().Set("Content-Type", textFormat)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}
}
