package doctor

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{`  region = "eu-west-1"`, `  region = "eu-west-1"`},
		{`  external_id = "partner"`, `  external_id = "(removed)"`},
		{"db_password = <<EOF\nhunter2\nEOF\nregion = \"x\"\n", "db_password = \"(removed)\"\nregion = \"x\"\n"},
		{`"api_key": "abc",`, `"api_key": "(removed)",`},
		{"AWS_SECRET_ACCESS_KEY=abc/def", `AWS_SECRET_ACCESS_KEY="(removed)"`},
		{"key AKIAIOSFODNN7EXAMPLE was used", "key (removed) was used"},
		{`proxy = "http://user:pass@proxy:3128"`, `proxy = "http://(removed)@proxy:3128"`},
		{"Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer (removed)"},
		{"GET /x?token=abc&y=1", "GET /x?token=(removed)&y=1"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "(removed)"},
		{"partition_key = record.client", "partition_key = record.client"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "(removed)"},
		{"secrets {\n", "secrets {\n"},
	} {
		if got := string(Redact([]byte(c.in))); got != c.out {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.out)
		}
	}
}

func TestABundleHoldsNoSecret(t *testing.T) {
	var b bytes.Buffer
	err := WriteBundle(&b, "support", time.Unix(0, 0), []Attachment{
		{Name: "doctor.txt", Data: []byte("fine\n")}, {Name: "config/kinetail.hcl", Data: []byte("token = \"hunter2\"\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		all.WriteString(h.Name + ": " + string(text))
	}
	if want := "support/doctor.txt: fine\nsupport/config/kinetail.hcl: token = \"(removed)\"\n"; all.String() != want {
		t.Errorf("%q", all.String())
	}
}
