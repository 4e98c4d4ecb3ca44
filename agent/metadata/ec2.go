package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kinetail/kinetail/pipeline/record"
)

const (
	// imdsTimeout is how long one request may take: the service is on the host's own link.
	imdsTimeout = 2 * time.Second
	// maxTags is how many tags a resource can have (EC2 User Guide, tag restrictions).
	maxTags = 50
	// maxTag bounds a tag's value in bytes: 256 characters (same page).
	maxTag = 1 << 10
)

// askEC2 makes a function that asks the instance metadata service, version 2 only.
func askEC2() func(context.Context) (values, error) {
	client := imds.New(imds.Options{
		// The service is on this link: no proxy reaches it. Each hour's connection is its own.
		HTTPClient:     &http.Client{Timeout: imdsTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
		Retryer:        aws.NopRetryer{},
		EnableFallback: aws.FalseTernary,
	})
	return func(ctx context.Context) (values, error) {
		doc, err := client.GetInstanceIdentityDocument(ctx, &imds.GetInstanceIdentityDocumentInput{})
		if err != nil {
			return nil, fmt.Errorf("ask the instance metadata service: %w", err)
		}
		v := values{}
		for name, text := range map[string]string{
			"account_id": doc.AccountID, "availability_zone": doc.AvailabilityZone, "image_id": doc.ImageID, "instance_id": doc.InstanceID,
			"instance_type": doc.InstanceType, "private_ip": doc.PrivateIP, "region": doc.Region,
		} {
			v.add(name, text)
		}
		if v["tags"], err = tags(ctx, client); err != nil {
			return nil, fmt.Errorf("ask the instance metadata service for tags: %w", err)
		}
		return v, nil
	}
}

// add adds a text unless it is empty.
func (v values) add(name, text string) {
	if text != "" {
		v[name] = record.Of(text)
	}
}

// tags are the instance's tags; null where metadata does not show them (instance option InstanceMetadataTags).
func tags(ctx context.Context, client *imds.Client) (record.Value, error) {
	list, err := metadataText(ctx, client, "tags/instance")
	var status *smithyhttp.ResponseError
	if errors.As(err, &status) && status.HTTPStatusCode() == http.StatusNotFound {
		return record.Value{}, nil
	}
	if err != nil {
		return record.Value{}, err
	}
	var names []string
	var all []record.Value
	for _, name := range strings.Split(strings.TrimSpace(list), "\n") {
		if name = strings.TrimSpace(name); name == "" || len(names) == maxTags {
			continue
		}
		text, err := metadataText(ctx, client, "tags/instance/"+name)
		if err != nil {
			return record.Value{}, err
		}
		names, all = append(names, name), append(all, record.Of(text))
	}
	return record.OfObject(names, all), nil
}

func metadataText(ctx context.Context, client *imds.Client, path string) (string, error) {
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Content.Close() }()
	text, err := io.ReadAll(io.LimitReader(out.Content, maxTags*maxTag))
	return string(text), err
}
