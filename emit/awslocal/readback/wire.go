package readback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds one answer: GetRecords sends 10 MiB of data at most, in base64 and JSON.
const maxAnswer = 32 << 20

// Error is the service's refusal of a call.
type Error struct {
	Operation string
	Status    int
	Code      string
	Message   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s (HTTP %d)", e.Operation, e.Code, e.Message, e.Status)
}

// retry reports whether the same call may succeed later.
func (e *Error) retry() bool {
	switch e.Code {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException":
		return true
	}
	return e.Status >= 500
}

// call makes one call of the awsJson1.1 protocol.
func (r *Reader) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	authorize := r.Authorize
	if authorize == nil {
		authorize = pretend
	}
	if err := authorize(req, body); err != nil {
		return fmt.Errorf("%s: sign: %w", operation, err)
	}
	client := r.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", operation, err)
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("%s: the answer is larger than %d bytes", operation, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		e := &Error{Operation: operation, Status: resp.StatusCode}
		var said struct {
			Type    string `json:"__type"`
			Message string `json:"message"` // Go matches "Message" too
		}
		if json.Unmarshal(answer, &said) == nil {
			e.Code, e.Message = said.Type, said.Message
		}
		return e
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: read the answer: %w", operation, err)
	}
	return nil
}

// pretend signs with nothing: local endpoints look at the form of the header only.
func pretend(req *http.Request, _ []byte) error {
	now := time.Now().UTC()
	req.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAREADBACK/"+now.Format("20060102")+
		"/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000")
	return nil
}
