package awslocal

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkPutRecords is the cost of 500 records of 1 KiB in JSON, without the network.
func BenchmarkPutRecords(b *testing.B) {
	for _, discard := range []bool{true, false} {
		b.Run(fmt.Sprintf("discard=%v", discard), func(b *testing.B) {
			s, err := New(Options{NoRates: true, Discard: discard, Streams: []StreamConfig{{Name: "s", Shards: 4}}})
			if err != nil {
				b.Fatal(err)
			}
			data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1024))
			var records []string
			for i := range 500 {
				records = append(records, fmt.Sprintf(`{"Data":%q,"PartitionKey":"%d"}`, data, i))
			}
			body := `{"StreamName":"s","Records":[` + strings.Join(records, ",") + `]}`
			b.SetBytes(500 << 10)
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
				req.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecords")
				req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20261120/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
				w := httptest.NewRecorder()
				if s.ServeHTTP(w, req); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
