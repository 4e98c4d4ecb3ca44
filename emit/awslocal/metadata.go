package awslocal

import (
	"encoding/json"
	"net/http"
	"time"
)

// metadataRole is the name of the instance's role.
const metadataRole = "awslocal"

// serveMetadata is as much of an EC2 instance's metadata service (version 2: a token is asked for) as credentials, the
// region and the instance's names need. Point AWS_EC2_METADATA_SERVICE_ENDPOINT at the server's URL.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	const token = "awslocal-metadata-token" // #nosec G101 -- not a secret
	if r.URL.Path == "/latest/api/token" {
		if r.Method != http.MethodPut {
			http.Error(w, "PUT it", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = w.Write([]byte(token))
		return
	}
	if r.Header.Get("X-Aws-Ec2-Metadata-Token") != token {
		http.Error(w, "a token is needed", http.StatusUnauthorized)
		return
	}
	s.counts.request("imds." + r.URL.Path)
	switch r.URL.Path {
	case "/latest/meta-data/instance-id":
		_, _ = w.Write([]byte("i-0123456789abcdef0"))
	case "/latest/meta-data/placement/region":
		_, _ = w.Write([]byte(s.opts.Region))
	case "/latest/dynamic/instance-identity/document":
		s.writeJSON(w, map[string]string{
			"instanceId": "i-0123456789abcdef0", "region": s.opts.Region, "availabilityZone": s.opts.Region + "a",
			"accountId": s.opts.AccountID, "instanceType": "t4g.nano", "privateIp": "127.0.0.1",
		})
	case "/latest/meta-data/iam/security-credentials/":
		_, _ = w.Write([]byte(metadataRole))
	case "/latest/meta-data/iam/security-credentials/" + metadataRole:
		k := s.issue()
		s.writeJSON(w, map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": s.opts.Now().UTC().Format(time.RFC3339),
			"AccessKeyId": k.AccessKeyID, "SecretAccessKey": k.SecretAccessKey, "Token": k.SessionToken,
			"Expiration": k.Expires.UTC().Format(time.RFC3339),
		})
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
