package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/retry"
)

// callTimeout bounds each question to AWS.
const callTimeout = 15 * time.Second

// skewed is the difference of clocks from which on something should be done. The services refuse signatures from five minutes on; the SDK learns
// the difference from the refusal.
const skewed = 30 * time.Second

// destinations looks at the way to each destination in AWS. What several have in common is asked once.
func (d *doctor) destinations(ctx context.Context) {
	asked := map[string]bool{}
	for _, f := range d.cfg.Flows {
		for _, e := range f.Emits {
			area := fmt.Sprintf("%s of flow %q", e.Kind, f.Name)
			switch e.Kind {
			case "file":
				d.file(area, e.Path)
			case "kinesis", "firehose":
				role := ""
				if e.AWS.AssumeRole != nil {
					role = fmt.Sprintf("%+v", *e.AWS.AssumeRole)
				}
				plain := e.AWS
				plain.AssumeRole = nil
				key := fmt.Sprintf("%s %s %s %s %+v", e.Kind, e.Stream, e.StreamARN, role, plain)
				if asked[key] {
					d.add(area, Note, "", "is the same as one above")
					continue
				}
				asked[key] = true
				d.way(ctx, area, e)
			}
		}
	}
}

// way looks at the way to one destination.
func (d *doctor) way(ctx context.Context, area string, e *config.Emit) {
	v := &visit{hosts: map[string]string{}}
	s, err := agent.Session(ctx, e.AWS, agent.Options{Version: d.version, Log: slog.New(slog.DiscardHandler)}, "doctor", v.contact)
	if err != nil {
		do := ""
		if errors.Is(err, awsconfig.ErrRegion) {
			do = "aws { region = \"eu-west-1\" }, with the stream's region"
		}
		d.add(area, Problem, do, "%v", err)
		return
	}
	defer s.Close()
	d.add(area, OK, "", "the region is %s", s.Region())
	if !d.credentials(ctx, area, s) {
		d.contacted(area, v)
		return
	}
	d.identity(ctx, area, s)
	if e.Kind == "kinesis" {
		d.kinesis(ctx, area, e, s, v)
	} else {
		d.firehose(ctx, area, e, s, v)
	}
	d.clock(area, v)
	d.contacted(area, v)
}

func (d *doctor) credentials(ctx context.Context, area string, s *awsconfig.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := s.Config().Credentials.Retrieve(ctx)
	if err != nil {
		d.add(area, Problem, "", "%v", err)
		return false
	}
	until := "do not expire"
	if c.CanExpire {
		until = "are good until " + c.Expires.Local().Format(time.DateTime)
	}
	d.add(area, OK, "", "credentials come from %s (key %s), and %s", sourceName(c.Source), shortKey(c.AccessKeyID), until)
	return true
}

// sources are the SDK's names for where credentials come from, in words.
var sources = map[string]string{
	"EnvConfigCredentials":        "the environment",
	"EC2RoleProvider":             "the instance's role (IMDS)",
	"WebIdentityCredentials":      "a web identity (IRSA)",
	"AssumeRoleProvider":          "an assumed role",
	"CredentialsEndpointProvider": "the container's role (ECS or EKS Pod Identity)",
	"ProcessProvider":             "credential_process",
	"SSOProvider":                 "SSO",
}

func sourceName(s string) string {
	for name, words := range sources {
		if strings.HasPrefix(s, name) {
			return words
		}
	}
	if file, ok := strings.CutPrefix(s, "SharedConfigCredentials: "); ok {
		return "the file " + file
	}
	return s
}

// shortKey is enough of an access key to tell one from another.
func shortKey(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:4] + "…" + id[len(id)-4:]
}

// identity asks who we are. It needs no permission, but a way to STS, which delivering does not.
func (d *doctor) identity(ctx context.Context, area string, s *awsconfig.Session) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		d.add(area, Note, "", "who this is could not be asked, and need not be: STS: %s", words(err))
		return
	}
	d.add(area, OK, "", "AWS knows this host as %s", aws.ToString(out.Arn))
}

func (d *doctor) kinesis(ctx context.Context, area string, e *config.Emit, s *awsconfig.Session, v *visit) {
	client := s.Kinesis(func(o *kinesis.Options) { o.HTTPClient = v.watch(o.HTTPClient) })
	name, arn := optional(e.Stream), optional(e.StreamARN)
	stream := e.Stream + e.StreamARN
	call, cancel := context.WithTimeout(ctx, callTimeout)
	sum, err := client.DescribeStreamSummary(call, &kinesis.DescribeStreamSummaryInput{StreamName: name, StreamARN: arn})
	cancel()
	switch denied := code(err) == "AccessDeniedException"; {
	case err == nil && sum.StreamDescriptionSummary != nil:
		ds := sum.StreamDescriptionSummary
		d.add(area, OK, "", "stream %s is %s, with %d shards", stream, ds.StreamStatus, aws.ToInt32(ds.OpenShardCount))
	case denied && e.Aggregate == "kpl":
		d.add(area, Note, "allow kinesis:DescribeStreamSummary and kinesis:ListShards, so that aggregates can hold many keys", "the stream may not be described: %s", words(err))
	case denied:
		d.add(area, Note, "", "the stream may not be described, and need not be: %s", words(err))
	default:
		d.refused(area, e, "describe stream "+stream, err)
		if !reached(err) {
			return
		}
	}
	if e.AWS.Endpoint != "" || e.AWS.Endpoints.Kinesis != "" {
		d.add(area, Note, "", "whether records may be put is not tried: only AWS itself is known to have a dry run")
		return
	}
	call, cancel = context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = client.PutRecords(call, &kinesis.PutRecordsInput{
		StreamName: name, StreamARN: arn, DryRun: aws.Bool(true),
		Records: []types.PutRecordsRequestEntry{{Data: []byte("kinetail"), PartitionKey: aws.String("kinetail")}},
	})
	if _, ok := errors.AsType[*types.DryRunOperationException](err); ok {
		d.add(area, OK, "", "records may be put (PutRecords, tried without putting one)")
		return
	}
	d.refused(area, e, "put records (a dry run)", err)
}

func (d *doctor) firehose(ctx context.Context, area string, e *config.Emit, s *awsconfig.Session, v *visit) {
	client := s.Firehose(func(o *awscall.Options) { o.HTTPClient = v.watch(o.HTTPClient) })
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	status, err := client.StreamStatus(call, e.Stream)
	switch {
	case err == nil && status != "":
		d.add(area, OK, "", "delivery stream %s is %s", e.Stream, status)
	case code(err) == "AccessDeniedException":
		d.add(area, Note, "", "the delivery stream may not be described, and need not be: %s", words(err))
	default:
		d.refused(area, e, "describe delivery stream "+e.Stream, err)
		return
	}
	d.add(area, Note, "kinetail status tells, once the agent runs", "whether records may be put cannot be tried without putting one: Firehose has no dry run")
}

// refused explains an answer that is not the wanted one.
func (d *doctor) refused(area string, e *config.Emit, what string, err error) {
	if err == nil {
		d.add(area, Problem, "", "%s: an answer without a content", what)
		return
	}
	do := ""
	var dns *net.DNSError
	switch c := code(err); {
	case errors.As(err, &dns):
		do = "look at /etc/resolv.conf and at the region (" + dns.Name + " is the host it makes); in a VPC without a way out, add an interface endpoint"
	case certificateError(err):
		do = "a proxy that opens TLS has an authority of its own: name its certificate with aws { ca_file = ... }"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		do = "look at the security group, the route, the VPC endpoint, and whether a proxy is needed: aws { proxy = ... } or HTTPS_PROXY"
	case c == "AccessDeniedException" && e.Kind == "kinesis":
		do = "allow kinesis:PutRecords on the stream, and kms:GenerateDataKey on its key if it is encrypted with a key of your own"
	case c == "ResourceNotFoundException":
		do = "check the name, the region and the account: a stream of another account needs stream_arn or assume_role"
	}
	d.add(area, Problem, do, "%s: %s", what, words(err))
}

// reached says whether an error is an answer of the service.
func reached(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	return !errors.As(err, &dns) && !errors.As(err, &op) && !certificateError(err) && !errors.Is(err, context.DeadlineExceeded)
}

func code(err error) string { return retry.Classify(err).Code }

func words(err error) string { return retry.Classify(err).String() }

func certificateError(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// visit remembers what was seen on the way to a destination.
type visit struct {
	mu    sync.Mutex
	hosts map[string]string // with the address of the other end, where it is known
	skew  time.Duration     // of this host's clock against the service's
	dated bool
	tls   *tls.ConnectionState
}

func (v *visit) contact(host string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.hosts[host]; !ok {
		v.hosts[host] = ""
	}
}

// watch has the clock of each answer compared with ours.
func (v *visit) watch(next aws.HTTPClient) *watcher { return &watcher{next, v} }

type watcher struct {
	next aws.HTTPClient
	v    *visit
}

// Do implements the SDK's HTTPClient.
func (w *watcher) Do(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		w.v.mu.Lock()
		defer w.v.mu.Unlock()
		w.v.hosts[host] = c.Conn.RemoteAddr().String()
	}}))
	resp, err := w.next.Do(req)
	if err != nil {
		return resp, err
	}
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	w.v.tls = resp.TLS
	if date, bad := http.ParseTime(resp.Header.Get("Date")); bad == nil {
		w.v.skew, w.v.dated = time.Since(date), true
	}
	return resp, err
}

func (d *doctor) clock(area string, v *visit) {
	switch {
	case !v.dated:
	case v.skew.Abs() >= skewed:
		d.add(area, Warning, "synchronise it: chronyc tracking, or timedatectl", "this host's clock is %s %s the service's: times in records and metrics are wrong by as much",
			v.skew.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[v.skew > 0])
	default:
		d.add(area, OK, "", "this host's clock agrees with the service's")
	}
}

// contacted lists the hosts that were asked, with their addresses.
func (d *doctor) contacted(area string, v *visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tls != nil && len(v.tls.PeerCertificates) > 0 {
		c := v.tls.PeerCertificates[0]
		d.add(area, OK, "", "%s, with a certificate of %s, good until %s", tls.VersionName(v.tls.Version), c.Issuer.String(), c.NotAfter.Format(time.DateOnly))
	}
	var hosts []string
	for _, h := range slices.Sorted(maps.Keys(v.hosts)) {
		if a := v.hosts[h]; a != "" && a != h {
			h += " (" + a + ")"
		}
		hosts = append(hosts, h)
	}
	if len(hosts) > 0 {
		d.add(area, Note, "", "hosts contacted: %s", strings.Join(hosts, ", "))
	}
}
