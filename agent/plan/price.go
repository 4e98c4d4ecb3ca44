package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// PricesOf says what the built-in prices are. They are inputs: what counts is today's price list.
const PricesOf = "us-east-1 list prices of January 2025 in USD, without tiers or taxes"

// Prices are in USD.
type Prices struct {
	ShardHour    float64 `json:"shard-hour"`
	PutUnits     float64 `json:"put-units"` // a million
	OnDemandHour float64 `json:"on-demand-hour"`
	OnDemandIn   float64 `json:"on-demand-in"`  // a GB
	OnDemandOut  float64 `json:"on-demand-out"` // a GB
	FirehoseGB   float64 `json:"firehose-gb"`
}

// DefaultPrices are those that PricesOf names.
func DefaultPrices() Prices {
	return Prices{ShardHour: 0.015, PutUnits: 0.014, OnDemandHour: 0.04, OnDemandIn: 0.08, OnDemandOut: 0.04, FirehoseGB: 0.029}
}

func (p *Prices) fields() map[string]*float64 {
	return map[string]*float64{
		"shard-hour": &p.ShardHour, "put-units": &p.PutUnits, "on-demand-hour": &p.OnDemandHour, "on-demand-in": &p.OnDemandIn,
		"on-demand-out": &p.OnDemandOut, "firehose-gb": &p.FirehoseGB,
	}
}

// Set takes a price over, as "shard-hour=0.018".
func (p *Prices) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	fields := p.fields()
	f, ok := fields[name]
	if !ok {
		return fmt.Errorf("there is no price %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("the price %q is no number of USD: write %s=0.05", text, name)
	}
	*f = n
	return nil
}

// gb is a GB of the bills, in bytes.
const gb = 1 << 30

// PriceNames are the names that Set knows.
func PriceNames() []string {
	var p Prices
	return slices.Sorted(maps.Keys(p.fields()))
}
