package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kinetail/kinetail/emit/buffer"
	"github.com/kinetail/kinetail/emit/retry"
)

// Client is what is needed of the SDK's client.
type Client interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
	Options() kinesis.Options
}

// Stream puts records into one stream. The SDK's client makes the head of a request once, with all that its configuration, environment and rules
// come to: where it goes, what it says of us, whose clock it is signed by. Only the body, the date and the signature are then made for each request,
// and good answers read here. Every other answer is handed to the SDK, as if it had sent the request, so that its errors are the SDK's; and the
// next head is made anew, for it may have learned that our clock is wrong. Safe for concurrent use.
type Stream struct {
	client      Client
	http        kinesis.HTTPClient
	credentials aws.CredentialsProvider
	name, arn   *string
	head        atomic.Pointer[head]
	dialect     dialect
}

// NewStream makes a stream of its name or its ARN; one is nil.
func NewStream(client Client, name, arn *string) *Stream {
	o := client.Options()
	return &Stream{client: client, http: o.HTTPClient, credentials: o.Credentials, name: name, arn: arn}
}

// Record is one of Kinesis' records. HashKey takes the place of the key's own hash, unless it is empty.
type Record struct {
	Data, Key []byte
	HashKey   string
}

// Result is what the service says of a record: its shard, or why it was not stored. It is good until whoever is told of it returns.
type Result struct{ Shard, Code, Message []byte }

// Request is one call of PutRecords.
type Request struct {
	Len    int
	Record func(i int) Record // may be asked for each several times
	Result func(i int, r *Result)
}

// Put sends a request and tells Result what the answer says of each record, in their order. After an error that has no meaning.
func (s *Stream) Put(ctx context.Context, r *Request) error {
	err := s.put(ctx, r, !s.dialect.json.Load())
	if errors.Is(err, errRefused) {
		err = s.put(ctx, r, false)
	}
	return err
}

func (s *Stream) put(ctx context.Context, r *Request, cbor bool) error {
	h := s.head.Load()
	if h == nil {
		var err error
		if h, err = s.newHead(ctx); err != nil {
			return err
		}
		s.head.Store(h)
	}
	identity, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return failed(fmt.Errorf("get identity: get credentials: %w", err)) // the SDK's words, by which package retry knows it
	}
	body, kind := s.newBody(r, cbor)
	defer body.free()
	resp, err := s.send(ctx, h, identity, body, kind)
	if err != nil {
		if ctx.Err() != nil {
			return failed(&smithy.CanceledError{Err: ctx.Err()})
		}
		return failed(&smithyhttp.RequestSendError{Err: err})
	}
	defer resp.Body.Close() // before the body is freed
	if resp.StatusCode != http.StatusOK {
		return s.judge(ctx, resp, identity, cbor)
	}
	n := 0
	err = read(resp, func(answer []byte) (err error) {
		if isCBOR(resp.Header) {
			n, err = parsePutRecordsCBOR(answer, r)
			return s.dialect.understand(err)
		}
		n, err = parsePutRecords(answer, r)
		return err
	})
	if err != nil {
		return failed(answered(resp, err))
	}
	if n != r.Len {
		return fmt.Errorf("%w: results for %d records, %d were sent", retry.ErrAnswer, n, r.Len)
	}
	return nil
}

// failed is an error as the SDK has it.
func failed(err error) error {
	return &smithy.OperationError{ServiceID: kinesis.ServiceID, OperationName: "PutRecords", Err: err}
}

// answered is an error of an answer as the SDK has it.
func answered(resp *http.Response, err error) error {
	return &awshttp.ResponseError{
		RequestID:     resp.Header.Get("X-Amzn-Requestid"),
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: err},
	}
}

func (s *Stream) newBody(r *Request, cbor bool) (body *Body, kind string) {
	// A buffer as large as the last body was would do as well most of the time; but after a large one, those of small requests would take memory that
	// nobody has asked for.
	size := r.size(cbor)
	if cbor {
		return newBody(size, func(w *bodyWriter) { writePutRecordsCBOR(w, s.name, s.arn, r) }), cborType
	}
	return newBody(size, func(w *bodyWriter) { w.small = appendPutRecords(w.small, s.name, s.arn, r) }), jsonType
}

// send signs a request and sends it.
func (s *Stream) send(ctx context.Context, h *head, identity aws.Credentials, body *Body, kind string) (*http.Response, error) {
	header := make(http.Header, len(h.header)+4)
	maps.Copy(header, h.header)
	header["Content-Type"] = []string{kind}
	req := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: h.url.Scheme, Host: h.url.Host, Path: h.url.Path, RawPath: h.url.RawPath}, Host: h.host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: body, ContentLength: int64(body.size),
	}).WithContext(ctx)
	if h.scope != nil {
		sum := sha256.New()
		for _, p := range body.parts {
			sum.Write(p)
		}
		var hash [sha256.Size]byte
		sum.Sum(hash[:0])
		h.scope.sign(req, identity, hash, time.Now().Add(h.skew))
	}
	return s.http.Do(req)
}

// judge has the SDK say what an answer means that is not a good one.
func (s *Stream) judge(ctx context.Context, resp *http.Response, identity aws.Credentials, cbor bool) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		return failed(answered(resp, fmt.Errorf("read the answer: %w", err)))
	}
	if cbor {
		if text, err = s.dialect.fault(resp, text); err != nil {
			return failed(answered(resp, err))
		}
	}
	again := *resp
	again.Body = io.NopCloser(bytes.NewReader(text))
	// Whatever has become of ctx and of the credentials, the answer is there.
	_, err = s.client.PutRecords(context.WithoutCancel(ctx), s.sample(), func(o *kinesis.Options) {
		o.HTTPClient = doFunc(func(*http.Request) (*http.Response, error) { return &again, nil })
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return identity, nil })
		o.Retryer = aws.NopRetryer{}
	})
	s.head.Store(nil)
	if err == nil {
		return failed(answered(resp, errors.New("the answer is no error, and has no results")))
	}
	return err
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// sample is what the SDK's client is given to make a request of.
func (s *Stream) sample() *kinesis.PutRecordsInput {
	return &kinesis.PutRecordsInput{
		StreamName: s.name, StreamARN: s.arn,
		Records: []types.PutRecordsRequestEntry{{Data: []byte("kinetail"), PartitionKey: aws.String("kinetail")}},
	}
}

// head is what all requests have in common. It never changes.
type head struct {
	url    url.URL
	host   string
	header http.Header
	scope  *scope        // nil where the SDK does not sign
	skew   time.Duration // of the service's clock against ours
}

// perRequest are headers that the SDK makes for each request. Its own id of a call, and the count of its attempts, are left out.
var perRequest = []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Content-Type", "Content-Length", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}

var errNotSent = errors.New("only the head of a request was wanted")

// newHead has the SDK make a request, and does not send it.
func (s *Stream) newHead(ctx context.Context) (*head, error) {
	var got *http.Request
	now := time.Now()
	_, err := s.client.PutRecords(ctx, s.sample(), func(o *kinesis.Options) {
		o.HTTPClient = doFunc(func(req *http.Request) (*http.Response, error) {
			got = req
			return nil, errNotSent
		})
		o.Retryer = aws.NopRetryer{}
	})
	if got == nil {
		return nil, err
	}
	h := &head{url: *got.URL, host: got.Host, header: got.Header.Clone(), scope: scopeOf(got)}
	if at, err := time.Parse(dateTime, got.Header.Get("X-Amz-Date")); err == nil {
		if skew := at.Sub(now); skew < -time.Second || skew > time.Second { // the date has no fractions
			h.skew = skew
		}
	}
	for _, name := range perRequest {
		h.header.Del(name)
	}
	return h, nil
}

// maxAnswer bounds what is read of an answer, in bytes: 500 results of which each may hold an error message.
const maxAnswer = 4 << 20

// read hands the whole answer to parse. What can't be understood may have been carried out all the same, as the error tells.
func read(resp *http.Response, parse func([]byte) error) error {
	buf := buffer.Get(int(min(max(resp.ContentLength, 0)+bytes.MinRead, maxAnswer)))
	defer buffer.Put(buf)
	into := bytes.NewBuffer(*buf)
	_, err := into.ReadFrom(io.LimitReader(resp.Body, maxAnswer))
	*buf = into.Bytes()
	if err == nil {
		err = parse(*buf)
	}
	if err != nil {
		return &smithy.DeserializationError{Err: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}
