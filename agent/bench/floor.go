package main

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- the aggregated format's choice
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
)

// floorCommand is the first argument of the process that measures a floor.
const floorCommand = "floor"

// floorKind is what has to be done with the bytes.
type floorKind string

const (
	writeFloor  floorKind = "write"  // read, find the line ends, write
	packedFloor floorKind = "packed" // and base64 of whole aggregates if it is JSON, SHA-256 of the body, to a socket, and its answer
	kplFloor    floorKind = "kpl"    // and MD5 of each aggregate
	singleFloor floorKind = "single" // as packed, each line by itself with what stands around it
)

const (
	floorRequest   = 1 << 20 // bytes of records in a request, as the program makes them
	floorAggregate = 51_200
	floorRecords   = 500
	// What an answer has for each record: a shard and a sequence number.
	floorAnswerCBOR = len("\xa2\x6eSequenceNumber\x78\x3849671246667600917366826164893127168236784628374614867970\x67ShardId\x74shardId-000000000000")
	floorAnswerJSON = len(`{"SequenceNumber":"49671246667600917366826164893127168236784628374614867970","ShardId":"shardId-000000000000"},`)
)

// runFloor measures a floor in a process of its own and returns its seconds of CPU.
func runFloor(ctx context.Context, kind floorKind, cbor, secure bool, l *logs) (float64, error) {
	address, mode, ca, dialect := "", "plain", []byte(nil), "json"
	if cbor {
		dialect = "cbor"
	}
	if kind != writeFloor {
		peer, err := newPeer(secure)
		if err != nil {
			return 0, err
		}
		defer peer.Close()
		address, ca = peer.Addr().String(), peer.ca
	}
	if secure {
		mode = "tls"
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, floorCommand, string(kind), l.one, address, mode, dialect) // #nosec G204 -- ourselves
	cmd.Stdin, cmd.Stderr = bytes.NewReader(ca), os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	return cpuOf(cmd.ProcessState), nil
}

// peer takes bodies and answers them.
type peer struct {
	net.Listener
	ca []byte
}

// newPeer listens.
func newPeer(secure bool) (*peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it takes no time
	if err != nil {
		return nil, err
	}
	p := &peer{Listener: l}
	if secure {
		s := httptest.NewUnstartedServer(nil) // for its certificate
		s.StartTLS()
		defer s.Close()
		p.Listener = tls.NewListener(l, &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12})
		p.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	}
	go func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return p, nil
}

// serve reads bodies, each after its length and that of the answer it wants.
func serve(conn net.Conn) {
	defer conn.Close()
	answer := make([]byte, floorRecords*floorAnswerJSON)
	_, _ = rand.Read(answer)
	buf := make([]byte, 256<<10)
	var head [8]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		left := int(binary.BigEndian.Uint32(head[:4]))
		for left > 0 {
			n, err := conn.Read(buf[:min(left, len(buf))])
			if err != nil {
				return
			}
			left -= n
		}
		if _, err := conn.Write(answer[:binary.BigEndian.Uint32(head[4:])]); err != nil {
			return
		}
	}
}

// floorMain is the process: kind, file, address, plain or tls, json or cbor.
func floorMain(args []string) error {
	if len(args) != 5 {
		return errors.New("floor KIND FILE ADDRESS plain|tls json|cbor")
	}
	in, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer in.Close()
	f := &floor{kind: floorKind(args[0]), cbor: args[4] == "cbor"}
	switch {
	case f.kind == writeFloor:
		f.out, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	case args[3] == "tls":
		var ca []byte
		if ca, err = io.ReadAll(os.Stdin); err == nil {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(ca)
			f.out, err = tls.Dial("tcp", args[2], &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}) //nolint:noctx // ends with the process
		}
	default:
		f.out, err = net.Dial("tcp", args[2]) //nolint:noctx // ends with the process
	}
	if err != nil {
		return err
	}
	defer f.out.Close()
	return f.run(in)
}

// floor does what cannot be left out.
type floor struct {
	kind   floorKind
	cbor   bool
	out    io.ReadWriteCloser
	body   []byte
	answer []byte
	marks  int // so that nothing of the work is found to be for nothing
}

func (f *floor) run(in io.Reader) error {
	block := make([]byte, floorRequest)
	kept := 0
	for {
		n, err := io.ReadFull(in, block[kept:])
		data := block[:kept+n]
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		whole := bytes.LastIndexByte(data, '\n') + 1 // a line without its end is left, as the program leaves it
		if err := f.all(data[:whole]); err != nil || end {
			return err
		}
		if whole == 0 {
			return fmt.Errorf("a line is longer than %d bytes", len(block))
		}
		kept = copy(block, data[whole:])
	}
}

// all sends lines in as many requests as it takes.
func (f *floor) all(data []byte) error {
	for len(data) > 0 {
		n, records := 0, 0
		for n < len(data) && (f.kind != singleFloor || records < floorRecords) {
			n += bytes.IndexByte(data[n:], '\n') + 1
			records++
		}
		if err := f.send(data[:n], records); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// send makes one request.
func (f *floor) send(lines []byte, records int) error {
	if f.kind == writeFloor {
		_, err := f.out.Write(lines)
		return err
	}
	f.body = f.body[:0]
	if f.kind == singleFloor {
		for len(lines) > 0 {
			n := bytes.IndexByte(lines, '\n') + 1
			f.add(lines[:n-1])
			lines = lines[n:]
		}
	} else {
		records = 0
		for ; len(lines) > 0; records++ {
			n := min(len(lines), floorAggregate)
			if f.kind == kplFloor {
				sum := md5.Sum(lines[:n]) // #nosec G401
				f.marks += int(sum[0])
			}
			f.add(lines[:n])
			lines = lines[n:]
		}
	}
	sum := sha256.Sum256(f.body)
	f.marks += int(sum[0])
	wanted := records * floorAnswerJSON
	if f.cbor {
		wanted = records * floorAnswerCBOR
	}
	var head [8]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(f.body))) // #nosec G115 -- 1 MiB in base64
	binary.BigEndian.PutUint32(head[4:], uint32(wanted))      // #nosec G115 -- 500 at most
	if _, err := f.out.Write(head[:]); err != nil {
		return err
	}
	if _, err := f.out.Write(f.body); err != nil {
		return err
	}
	if cap(f.answer) < wanted {
		f.answer = make([]byte, wanted)
	}
	if _, err := io.ReadFull(f.out, f.answer[:wanted]); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// add is a record with what stands around it.
func (f *floor) add(data []byte) {
	if f.cbor {
		f.body = append(f.body, "\xa2\x64Data\x5a"...)
		f.body = binary.BigEndian.AppendUint32(f.body, uint32(len(data))) // #nosec G115 -- 1 MiB at most
		f.body = append(f.body, data...)
		f.body = append(f.body, "\x6cPartitionKey\x78\x200123456789abcdef0123456789abcdef"...)
		return
	}
	f.body = append(f.body, `{"Data":"`...)
	f.body = base64.StdEncoding.AppendEncode(f.body, data)
	f.body = append(f.body, `","PartitionKey":"0123456789abcdef0123456789abcdef"},`...)
}
