// Package awsconfig turns an aws block into clients for the AWS services: region, identity, endpoints and HTTP transport. It sends
// nothing itself, apart from asking the instance metadata service for a region that nothing else names.
package awsconfig
