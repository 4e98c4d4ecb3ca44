package checkpoint

import (
	"context"
	"testing"
	"time"
)

// One commit of 10,000 changed generations, with fsync.
func BenchmarkCommit10000(b *testing.B) {
	s, err := Open(b.TempDir(), Options{Log: silent, Interval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	all := make([]Generation, 10000)
	for i := range all {
		all[i] = gen("f", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range all {
			all[i].Offset++
			s.Put(all[i])
		}
		if err := s.Sync(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := Open(b.TempDir(), Options{Log: silent, Interval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	g := gen("f", 1)
	b.ReportAllocs()
	for b.Loop() {
		g.Offset++
		s.Put(g)
	}
}

// Opening a store of 10,000 generations: read, check, compare.
func BenchmarkOpen10000(b *testing.B) {
	dir := b.TempDir()
	s, err := Open(dir, Options{Log: silent, Interval: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10000 {
		s.Put(gen("f", i))
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(dir, Options{Log: silent, Interval: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}
