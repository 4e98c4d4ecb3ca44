package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/kinetail/kinetail/emit/retry"
)

// dialect is how a client's endpoint wants PutRecords: in CBOR, until something there refuses it, and in JSON from then on. It is decided
// once and never goes back, for JSON is only dearer. A refusal is not the records' fault: they are sent again in JSON, in the same call,
// and what that brings is what counts.
type dialect struct{ json atomic.Bool }

// errRefused says that the endpoint wants no CBOR and has carried nothing out.
var errRefused = errors.New("the endpoint does not understand CBOR")

// maxError bounds what is read of an answer that is an error, in bytes.
const maxError = 64 << 10

// isCBOR says whether an answer is.
func isCBOR(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "application/x-amz-cbor")
}

// fault looks at an answer that is an error, to a request in CBOR. It returns errRefused, or what was said in JSON, which the SDK understands.
func (d *dialect) fault(resp *http.Response, text []byte) ([]byte, error) {
	code, message, ours := "", "", false
	if isCBOR(resp.Header) {
		code, message, ours = parseErrorCBOR(text)
	}
	if ours {
		var err error
		if text, err = json.Marshal(map[string]string{"__type": code, "message": message}); err != nil {
			return nil, err
		}
		resp.Header.Set("Content-Type", jsonType)
	} else {
		code = codeOf(resp.Header, text)
	}
	switch {
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && refuses(resp.StatusCode, code, ours):
		d.json.Store(true)
		return nil, errRefused
	case resp.StatusCode == http.StatusInternalServerError && !ours:
		// It may have tripped over the body, or stored it: that is for the next attempt, which is in JSON.
		d.json.Store(true)
	}
	return text, nil
}

// understand passes on what reading a whole answer has led to. An endpoint whose CBOR is none gets no more of it: kinesalite 3.3.3 cuts its
// answers off after 16 KiB, and the records would be sent for ever.
func (d *dialect) understand(err error) error {
	if err != nil {
		d.json.Store(true)
	}
	return err
}

// refuses says whether a status of 400 to 499 may be about the protocol. ours is an answer in CBOR, so that what is meant is in its code;
// other answers are taken for a refusal unless they have nothing to do with a body.
func refuses(status int, code string, ours bool) bool {
	if code == "SerializationException" || code == "UnknownOperationException" || code == "UnsupportedProtocolException" {
		return true
	}
	if ours || status == http.StatusRequestTimeout || status == http.StatusRequestEntityTooLarge || status == http.StatusTooManyRequests {
		return false
	}
	switch retry.Record(code, "").Class {
	case retry.Throttle, retry.Credentials, retry.Configuration:
		return false
	}
	return true
}

// codeOf is the error code of an answer in JSON, "" where there is none.
func codeOf(h http.Header, text []byte) string {
	code := h.Get("X-Amzn-Errortype")
	if code == "" {
		var said struct {
			Type string `json:"__type"`
			Code string `json:"code"`
		}
		if json.Unmarshal(text, &said) != nil {
			return ""
		}
		if code = said.Type; code == "" {
			code = said.Code
		}
	}
	code, _, _ = strings.Cut(code, ":")
	return code[strings.LastIndexByte(code, '#')+1:]
}
