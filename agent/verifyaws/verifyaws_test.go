package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit/awslocal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It asks before it sends, finds everything as expected where it is, and says so where it is not.
func TestVerify(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	s, err := awslocal.New(awslocal.Options{
		Streams: []awslocal.StreamConfig{{Name: "s", Shards: 4}}, DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	verify := func(answer string, args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"-endpoint", url}, args...), strings.NewReader(answer), &out)
		return out.String(), err
	}
	if out, err := verify("n\n", "-stream", "s"); err == nil || !strings.Contains(out, "It costs less than") || strings.Contains(out, "as expected") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := verify("y\n", "-stream", "s", "-delivery-stream", "d")
	if err != nil || strings.Count(out, "as expected") < 16 || strings.Contains(out, "not tried") {
		t.Errorf("%v\n%s", err, out)
	}
	s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Code: "ValidationException", Operation: "ListShards"})
	if out, err = verify("", "-yes", "-stream", "s"); err == nil || !strings.Contains(out, "DIFFERENT") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err = verify(""); err == nil || !strings.Contains(err.Error(), "nothing to verify") {
		t.Error(err)
	}
}
