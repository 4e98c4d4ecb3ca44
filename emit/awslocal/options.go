package awslocal

import "time"

// Options configure a Server. The zero value is a plain HTTP endpoint in us-east-1 with the services' limits.
type Options struct {
	Region    string // "us-east-1"
	AccountID string // "000000000000"

	// Streams and DeliveryStreams exist from the start.
	Streams         []StreamConfig
	DeliveryStreams []DeliveryStreamConfig

	// RateScale multiplies the rates of the services: 0.1 is a tenth of 1 MB/s and 1,000 records/s per shard. 0 means 1.
	// Server.SetRates changes it at run time.
	RateScale float64
	// NoRates switches rates off, NoCallLimits the limits on counts and sizes of one call.
	NoRates, NoCallLimits bool

	// Discard keeps only the first Samples records of each shard or delivery stream and counts the rest: for benchmarks.
	// A discarded record's base64 is not checked.
	Discard bool
	// Samples is how many records Discard keeps, 10 by default; negative keeps none.
	Samples int

	// JSONOnly refuses CBOR of Kinesis' older protocol, as endpoints do that know only awsJson1.1.
	JSONOnly bool

	// FirehoseDir is the folder that stands for the S3 bucket. Empty: delivered records are held in memory only.
	FirehoseDir string

	// Seed makes the choices of faults repeatable: the same calls in the same order meet the same faults.
	Seed uint64

	// TLS serves HTTPS with a certificate of a CA made for this server (Server.CA). HTTP2 offers h2 with it.
	TLS, HTTP2 bool

	// Credentials are what callers may sign with; their signatures are then verified. Empty: a caller must show an access
	// key id, and only credentials that this server's STS or IMDS gave out are verified.
	Credentials []Credential
	// CredentialLifetime of what STS and IMDS give out: 1 h by default.
	CredentialLifetime time.Duration
	// SkewCode is the error code for a signature more than 5 minutes off: "InvalidSignatureException" as Kinesis and
	// Firehose say it. "RequestTimeTooSkewed" and "RequestExpired" are heard elsewhere.
	SkewCode string

	// StatusDelay is how long a stream is CREATING after CreateStream or UPDATING after a reshard.
	StatusDelay time.Duration

	// Now is the server's clock: time.Now by default.
	Now func() time.Time
}

// Credential is one set of keys that may sign.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // zero: never
}

func (o *Options) setDefaults() {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.AccountID == "" {
		o.AccountID = "000000000000"
	}
	if o.RateScale == 0 {
		o.RateScale = 1
	}
	if o.Samples == 0 {
		o.Samples = 10
	}
	if o.CredentialLifetime == 0 {
		o.CredentialLifetime = time.Hour
	}
	if o.SkewCode == "" {
		o.SkewCode = "InvalidSignatureException"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}
