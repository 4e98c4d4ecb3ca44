package awsconfig

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// metadata answers as the metadata services, STS and Kinesis do, whatever the host, and notes who was asked.
type metadata struct{ asked []string }

func (m *metadata) Do(req *http.Request) (*http.Response, error) {
	m.asked = append(m.asked, req.URL.Scheme+"://"+req.URL.Host)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	keys := `"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"x","Token":"t","Expiration":"` + later + `"`
	body := "{}"
	switch p := req.URL.Path; {
	case p == "/latest/api/token":
		body = "token"
	case p == "/latest/meta-data/iam/security-credentials/":
		body = "role"
	case strings.HasPrefix(p, "/latest/meta-data/iam/security-credentials/"):
		body = `{"Code":"Success",` + keys + `}`
	case p == "/creds":
		body = "{" + keys + "}"
	case strings.HasPrefix(req.URL.Host, "sts."):
		body = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIAEXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>` +
			later + `</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"21600"}, "Content-Type": {"application/json"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// The metadata services are asked in the middle of a call to Kinesis or STS: they are asked by plain HTTP, where they are, and the call by HTTPS.
func TestMetadataInTheMiddleOfACall(t *testing.T) {
	for _, name := range []string{"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT"} {
		unset(t, name)
	}
	o := Options{Endpoints: Endpoints{STS: "https://sts.example.com"}}
	for name, c := range map[string]struct {
		provider func(aws.Config) aws.CredentialsProvider
		asked    []string
	}{
		"instance": {
			func(cfg aws.Config) aws.CredentialsProvider {
				return ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.NewFromConfig(cfg) })
			},
			[]string{"http://169.254.169.254"},
		},
		"task or pod": {
			func(cfg aws.Config) aws.CredentialsProvider {
				return endpointcreds.New("http://169.254.170.2/creds", func(o *endpointcreds.Options) { o.HTTPClient, o.APIOptions = cfg.HTTPClient, cfg.APIOptions })
			},
			[]string{"http://169.254.170.2"},
		},
		"a role with the instance's": {
			func(cfg aws.Config) aws.CredentialsProvider {
				base := cfg.Copy()
				base.Credentials = aws.NewCredentialsCache(ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.NewFromConfig(cfg) }))
				return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(base), "arn:aws:iam::123456789012:role/logs")
			},
			[]string{"http://169.254.169.254", "https://sts.example.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &metadata{}
			cfg := aws.Config{
				Region: "eu-west-1", HTTPClient: m, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
				APIOptions: []func(*middleware.Stack) error{o.route().add},
			}
			cfg.Credentials = aws.NewCredentialsCache(c.provider(cfg.Copy()))
			_, err := kinesis.NewFromConfig(cfg).ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("web")})
			if err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(c.asked), "https://kinesis.eu-west-1.amazonaws.com")
			var got []string
			for _, host := range m.asked {
				if len(got) == 0 || got[len(got)-1] != host {
					got = append(got, host)
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("asked were %v, want %v", got, want)
			}
		})
	}
}
