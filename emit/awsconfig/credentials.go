package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// ErrCredentials is in every error that says no identity could be had: the request was not sent.
var ErrCredentials = errors.New("no AWS credentials")

// identity holds the credentials of a session. It resolves the whole chain again after Invalidate, because the SDK reads
// the shared files once, and a tool that refreshes keys writes them there. Safe for concurrent use.
type identity struct {
	resolve func(context.Context) (aws.CredentialsProvider, error)
	hint    string

	mu      sync.Mutex
	current aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider.
func (i *identity) Retrieve(ctx context.Context) (aws.Credentials, error) {
	provider, err := i.provider(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%w: %w; %s", ErrCredentials, err, i.hint)
	}
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%w: %w; %s", ErrCredentials, err, i.hint)
	}
	return creds, nil
}

func (i *identity) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current != nil {
		return i.current, nil
	}
	// Resolving reads files and asks nobody: it may hold the lock.
	p, err := i.resolve(ctx)
	if err != nil {
		return nil, err
	}
	i.current = p
	return p, nil
}

// Invalidate forgets the credentials.
func (i *identity) Invalidate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = nil
}

// expiryWindow renews credentials this long before they end, spread by half so that the requests of a fleet don't meet.
func expiryWindow(o *aws.CredentialsCacheOptions) {
	o.ExpiryWindow = time.Minute
	o.ExpiryWindowJitterFrac = 0.5
}

// assumed wraps the chain's credentials, those of base, in the role of o.
func (o *Options) assumed(base aws.Config) aws.CredentialsProvider {
	client := sts.NewFromConfig(base)
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, o.AssumeRole.ARN, func(a *stscreds.AssumeRoleOptions) {
		a.RoleSessionName = o.sessionName()
		a.Duration = time.Hour // as long as a chained role may be
		if o.AssumeRole.ExternalID != "" {
			a.ExternalID = aws.String(o.AssumeRole.ExternalID)
		}
	}), expiryWindow)
}
