package awslocal

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// jsonAppender is an answer that writes its own JSON, because it is large and frequent.
type jsonAppender interface {
	appendJSON(b []byte) []byte
}

// reply sends an answer, or half of it and then nothing more.
func (c *call) reply(answer any, cut bool) {
	if xml, ok := answer.(queryAnswer); ok {
		c.send(http.StatusOK, "text/xml", []byte(xml), cut)
		return
	}
	var body []byte
	j, isJSON := answer.(jsonAppender)
	p, isPut := answer.(*putAnswer)
	switch {
	case isJSON && c.codec == codecJSON:
		body = j.appendJSON(nil)
	case isPut && c.codec == codecCBOR:
		body = p.appendCBOR(nil)
	default:
		var err error
		if body, err = c.codec.encode(answer); err != nil {
			c.refuse(&apiError{http.StatusInternalServerError, "InternalFailure", err.Error()})
			return
		}
		if answer == nil && c.codec == codecJSON {
			body = nil // operations without output answer nothing
		}
	}
	c.send(http.StatusOK, c.codec.contentType(), body, cut)
}

func (c *call) send(status int, contentType string, body []byte, cut bool) {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.codec == codecSmith {
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	c.w.WriteHeader(status)
	if cut {
		c.srv.counts.fault(CutAnswer)
		_, _ = c.w.Write(body[:len(body)/2])
		_ = http.NewResponseController(c.w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = c.w.Write(body) // a caller that has gone away misses its answer
}

// refuse answers with an error in the caller's protocol.
func (c *call) refuse(err error) {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	c.srv.counts.refused(e.code)
	if c.service == "sts" {
		c.send(e.status, "text/xml", queryError(e, c.id), false)
		return
	}
	answer := errorAnswer{e.code, e.message}
	if c.codec == codecSmith {
		// CloudWatch's model names the shape InvalidParameterValueException and the query code InvalidParameterValue.
		answer.Type = "com.amazonaws.cloudwatch#" + e.code
		fault := "Sender"
		if e.status >= 500 {
			fault = "Receiver"
		}
		c.w.Header().Set("x-amzn-query-error", strings.TrimSuffix(e.code, "Exception")+";"+fault)
	}
	body, _ := c.codec.encode(answer)
	c.send(e.status, c.codec.contentType(), body, false)
}

// reset breaks the connection with a TCP reset where it can, and without an answer where it can't (HTTP/2, tests).
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
	panic(http.ErrAbortHandler)
}

// tooLarge is what a proxy in front of the service says: no AWS error, no request id.
func tooLarge(w http.ResponseWriter) {
	w.Header().Del("x-amzn-RequestId")
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	_, _ = w.Write([]byte("<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n</html>\r\n"))
}
