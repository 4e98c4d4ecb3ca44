package awsconfig

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/emit/wire"
)

// overPipe is a client with the package's transport whose server is one end of a pipe, so that its time-outs pass in a bubble.
func overPipe(t *testing.T, server func(net.Conn)) *client {
	t.Helper()
	tr, err := (&Options{}).transport()
	if err != nil {
		t.Fatal(err)
	}
	tr.DialContext = dialWithWriteTimeout(func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go server(far)
		return near, nil
	})
	t.Cleanup(tr.CloseIdleConnections)
	return newClient(tr)
}

// put sends a body of package wire, of a MiB.
func put(t *testing.T, c *client) (took time.Duration, err error) {
	start := time.Now()
	stream := wire.NewStream(kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://localhost/"), HTTPClient: c, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}), aws.String("s"), nil)
	data := make([]byte, 50_000)
	err = stream.Put(t.Context(), &wire.Request{
		Len:    20,
		Record: func(int) wire.Record { return wire.Record{Data: data, Key: []byte("a")} },
		Result: func(int, *wire.Result) {},
	})
	return time.Since(start), err
}

func post(t *testing.T, c *client) (string, time.Duration, error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", io.LimitReader(neverEnding{}, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "", time.Since(start), err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return string(body), time.Since(start), err
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

func TestTimeouts(t *testing.T) {
	readAll := func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
	}
	untilClosed := func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	t.Run("a peer that stops reading", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			c := overPipe(t, func(far net.Conn) {
				_, _ = io.CopyN(io.Discard, far, 1000)
				<-stop
				_ = far.Close()
			})
			_, took, err := post(t, c)
			if !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeout {
				t.Errorf("%v after %v", err, took)
			}
		})
	})
	t.Run("a peer that stops reading a body of ours", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			c := overPipe(t, func(far net.Conn) {
				_, _ = io.CopyN(io.Discard, far, 100_000)
				<-stop
				_ = far.Close()
			})
			// The wait in which some of it got through does not count.
			if took, err := put(t, c); !errors.Is(err, os.ErrDeadlineExceeded) || took != 2*writeTimeout {
				t.Errorf("%v after %v", err, took)
			}
		})
	})
	t.Run("a body of ours, slow but moving", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := overPipe(t, func(far net.Conn) {
				req, _ := http.ReadRequest(bufio.NewReaderSize(far, 16))
				buf := make([]byte, 64<<10)
				for {
					time.Sleep(20 * time.Second)
					if _, err := io.ReadFull(req.Body, buf); err != nil {
						break
					}
				}
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"Records\":[]}")
				untilClosed(far)
			})
			if took, err := put(t, c); !errors.Is(err, retry.ErrAnswer) || took < 5*time.Minute {
				t.Errorf("%v after %v", err, took)
			}
			c.http.CloseIdleConnections()
		})
	})
	t.Run("a peer that does not answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := overPipe(t, func(far net.Conn) { readAll(far); untilClosed(far) })
			_, took, err := post(t, c)
			if err == nil || took != headerTimeout {
				t.Errorf("%v after %v", err, took)
			}
		})
	})
	t.Run("an answer that does not end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := overPipe(t, func(far net.Conn) {
				readAll(far)
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				untilClosed(far)
			})
			body, took, err := post(t, c)
			if body != "half" || !errors.Is(err, errBodyTimeout) || took != bodyTimeout {
				t.Errorf("%q, %v after %v", body, err, took)
			}
		})
	})
	t.Run("slow but moving", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := overPipe(t, func(far net.Conn) {
				req, _ := http.ReadRequest(bufio.NewReaderSize(far, 16))
				buf := make([]byte, 64<<10)
				for {
					time.Sleep(20 * time.Second)
					if _, err := io.ReadFull(req.Body, buf); err != nil {
						break
					}
				}
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				untilClosed(far)
			})
			body, took, err := post(t, c)
			if body != "ok" || err != nil || took < 5*time.Minute {
				t.Errorf("%q, %v after %v", body, err, took)
			}
			c.http.CloseIdleConnections()
		})
	})
}
