package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// ecsTimeout is how long one request may take.
	ecsTimeout = 2 * time.Second
	// maxECS is the largest answer that is read, in bytes: a task has at most ten containers.
	maxECS = 1 << 20
)

// ecsURI is where ECS tells a container of its metadata, version 4 (Amazon ECS Developer Guide, task metadata endpoint version 4).
const ecsURI = "ECS_CONTAINER_METADATA_URI_V4"

var errNoECS = errors.New(ecsURI + " is not set: this is no ECS task, or one on an agent before 1.39")

// askECS asks the task metadata endpoint.
func askECS(ctx context.Context) (values, error) {
	uri := strings.TrimSuffix(os.Getenv(ecsURI), "/")
	if uri == "" {
		return nil, errNoECS
	}
	client := &http.Client{Timeout: ecsTimeout, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is on this link
	var task struct {
		Cluster, TaskARN, Family, Revision, AvailabilityZone, LaunchType, ServiceName string
	}
	var container struct{ Name, ContainerARN, Image string }
	for path, into := range map[string]any{"/task": &task, "": &container} {
		if err := askJSON(ctx, client, uri+path, into); err != nil {
			return nil, fmt.Errorf("ask for the task's metadata: %w", err)
		}
	}
	v := values{}
	for name, text := range map[string]string{
		"availability_zone": task.AvailabilityZone, "cluster": task.Cluster, "family": task.Family, "launch_type": task.LaunchType,
		"revision": task.Revision, "service": task.ServiceName, "task_arn": task.TaskARN, "task_id": task.TaskARN[strings.LastIndexByte(task.TaskARN, '/')+1:],
		"container": container.Name, "container_arn": container.ContainerARN, "image": container.Image,
	} {
		v.add(name, text)
	}
	return v, nil
}

func askJSON(ctx context.Context, client *http.Client, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxECS)).Decode(into)
}
