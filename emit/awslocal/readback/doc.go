// Package readback reads a Kinesis stream back over the wire, for verdicts about what was delivered. It is written from the
// protocols' descriptions and shares no code with what packs and sends records, so that a mistake there shows up here.
package readback
