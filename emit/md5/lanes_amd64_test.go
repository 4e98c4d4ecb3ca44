package md5

import "testing"

// What is tested else with all that this processor has is tested with AVX2 alone, too.
func TestSumsWithAVX2(t *testing.T) {
	was := wider
	defer func() { wider = was }()
	wider = false
	TestSums(t)
}
