package command

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkpointRow is a row of the Java agent's table.
type checkpointRow struct {
	flow, path, id string
	modified       time.Time
	size, offset   int64
	updated        string
}

// writeCheckpoints writes a SQLite database of one table with one page, as sqlite.org documents the format. The reader is tested against SQLite's own
// databases in agent/convert/sqlite, and the whole way against SQLite itself in agent/integration.
func writeCheckpoints(t *testing.T, path string, rows ...checkpointRow) {
	t.Helper()
	const size = 8192
	leaf := func(page []byte, at int, records [][]byte) {
		page[at] = 0x0d
		binary.BigEndian.PutUint16(page[at+3:], uint16(len(records)))
		end := size
		for i, r := range records {
			cell := sqliteVarint(len(r))
			cell = append(append(cell, sqliteVarint(i+1)...), r...)
			end -= len(cell)
			copy(page[end:], cell)
			binary.BigEndian.PutUint16(page[at+8+2*i:], uint16(end))
		}
		binary.BigEndian.PutUint16(page[at+5:], uint16(end))
	}
	data := make([]byte, 2*size)
	copy(data, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(data[16:], size)
	copy(data[18:], []byte{1, 1, 0, 64, 32, 32})
	binary.BigEndian.PutUint32(data[24:], 1)
	binary.BigEndian.PutUint32(data[28:], 2)
	binary.BigEndian.PutUint32(data[44:], 4)
	binary.BigEndian.PutUint32(data[56:], 1)
	binary.BigEndian.PutUint32(data[92:], 1)
	const sql = "CREATE TABLE FILE_CHECKPOINTS(flow TEXT NOT NULL, path TEXT NOT NULL, fileId TEXT, lastModifiedTime BIGINT, size BIGINT, offset BIGINT, lastUpdated DATETIME)"
	leaf(data[:size], 100, [][]byte{sqliteRecord("table", "FILE_CHECKPOINTS", "FILE_CHECKPOINTS", int64(2), sql)})
	var records [][]byte
	for _, r := range rows {
		records = append(records, sqliteRecord(r.flow, r.path, r.id, r.modified.UnixMilli(), r.size, r.offset, r.updated))
	}
	leaf(data[size:], 0, records)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sqliteVarint(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	return []byte{byte(n>>7) | 0x80, byte(n & 0x7f)}
}

func sqliteRecord(values ...any) []byte {
	var types, body []byte
	for _, v := range values {
		switch v := v.(type) {
		case string:
			types = append(types, sqliteVarint(13+2*len(v))...)
			body = append(body, v...)
		case int64:
			types = append(types, 6)
			body = binary.BigEndian.AppendUint64(body, uint64(v))
		}
	}
	return append(append(sqliteVarint(len(types)+1), types...), body...)
}

// switchOver is a host on which the Java agent has run.
type switchOver struct {
	*place
	seen int
}

func newSwitchOver(t *testing.T) *switchOver {
	s := &switchOver{place: newPlace(t, 1, "")}
	if err := os.Mkdir(s.path("log"), 0o750); err != nil {
		t.Fatal(err)
	}
	s.write("agent.json", fmt.Sprintf(`{"kinesis.endpoint": %q, "cloudwatch.emitMetrics": false,
		"flows": [ { "filePattern": %q, "kinesisStream": "s" } ] }`, s.url, s.path("log/app.log*")))
	return s
}

// row is what the Java agent has of a file that it has read up to offset.
func (s *switchOver) row(name string, offset int64) checkpointRow {
	s.t.Helper()
	info, err := os.Stat(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return checkpointRow{
		flow: "kinesis:s:" + s.path("log/app.log*"), path: s.path(name), id: fmt.Sprintf("(dev=%x,ino=%d)", st.Dev, st.Ino),
		modified: info.ModTime(), size: info.Size(), offset: offset, updated: "2026-11-22 10:00:00",
	}
}

// convert takes over, and returns what is said of it.
func (s *switchOver) convert(code int, more ...string) string {
	s.t.Helper()
	var out, errOut lockedBuffer
	args := append([]string{"convert", s.path("agent.json"), "--state-dir", s.path("state"), "--checkpoints", s.path("checkpoints")}, more...)
	if got := Main(args, strings.NewReader(""), &out, &errOut); got != code {
		s.t.Fatalf("exit code %d, want %d\n%s", got, code, errOut.String())
	}
	if code == 0 {
		s.config = s.write("converted.hcl", strings.Replace(out.String(), "agent {\n", "agent {\n  listen = \"off\"\n", 1))
	}
	return errOut.String()
}

// expect runs kinetail until everything is read, and compares what has come since.
func (s *switchOver) expect(want string) {
	s.t.Helper()
	s.run(0, "run", "--once")
	var all []string
	for line := range strings.Lines(s.sent("records kinesis s")) {
		all = append(all, strings.Trim(strings.TrimSuffix(strings.TrimSpace(line), `\n"`), `"`))
	}
	if got := strings.Join(all[s.seen:], " "); got != want {
		s.t.Errorf("sent: %s\nwant: %s", got, want)
	}
	s.seen = len(all)
}

// age sets when a file was changed last, so many minutes ago.
func (s *switchOver) age(name string, minutes int) {
	s.t.Helper()
	at := time.Now().Add(-time.Duration(minutes) * time.Minute)
	if err := os.Chtimes(s.path(name), at, at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *switchOver) rename(from, to string) {
	s.t.Helper()
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.t.Fatal(err)
	}
}

func TestTakeOverGoesOnWhereTheJavaAgentEnded(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log.1", "old\n")
	s.age("log/app.log.1", 60)
	s.write("log/app.log", "a\nb\nc\nd\n")
	writeCheckpoints(t, s.path("checkpoints"), s.row("log/app.log", 4))
	s.add("log/app.log", "e\n")
	said := s.convert(0, "--dry-run")
	has(t, said, "nothing is changed", "from 4", "6 bytes left", "as the Java agent has it", "older than what the Java agent read last")
	if _, err := os.Stat(s.path("state")); err == nil {
		t.Error("a dry run made a state directory")
	}
	s.convert(0)
	s.expect("c d e")
	s.add("log/app.log", "f\n")
	s.rename("log/app.log.1", "log/app.log.2")
	s.rename("log/app.log", "log/app.log.1")
	s.write("log/app.log", "g\n")
	s.expect("f g")
	has(t, s.convert(1), "kinetail has positions of flow s already", "kinetail offsets forget s")
	s.expect("")
}

func TestTakeOverOfRotatedFiles(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "a\nb\n")
	row := s.row("log/app.log", 2)
	writeCheckpoints(t, s.path("checkpoints"), row)
	s.add("log/app.log", "c\n")
	s.rename("log/app.log", "log/app.log.2") // twice rotated since
	s.write("log/app.log.1", "d\n")
	s.write("log/app.log", "e\n")
	said := s.convert(0)
	has(t, said, "was "+s.path("log/app.log")+" when the Java agent read it", "newer than what the Java agent read")
	s.expect("b c d e")
}

// Archives are left alone, however they came to be, and so is what the Java agent was done with long ago.
func TestTakeOverLeavesArchivesAlone(t *testing.T) {
	s := newSwitchOver(t)
	var old bytes.Buffer
	z := gzip.NewWriter(&old)
	_, _ = z.Write([]byte("long\nago\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.write("log/app.log.3.gz", old.String())
	s.age("log/app.log.3.gz", 300)
	s.write("log/app.log.2", "also\nlong ago\n")
	s.age("log/app.log.2", 200)
	s.write("log/app.log.1", "yesterday\n")
	s.age("log/app.log.1", 100)
	s.write("log/app.log", "a\nb\n")
	writeCheckpoints(t, s.path("checkpoints"), s.row("log/app.log", 2), s.row("log/app.log.1", 10))
	s.convert(0)
	s.expect("b")
	s.rename("log/app.log.2", "log/app.log.4")
	s.rename("log/app.log.1", "log/app.log.2")
	s.rename("log/app.log", "log/app.log.1")
	s.write("log/app.log", "c\n")
	s.expect("c")
}

func TestTakeOverOfCopyTruncate(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "a\nb\nc\n")
	writeCheckpoints(t, s.path("checkpoints"), s.row("log/app.log", 4))
	s.write("log/app.log.1", "a\nb\nc\nd\n")
	if err := os.Truncate(s.path("log/app.log"), 0); err != nil {
		t.Fatal(err)
	}
	s.add("log/app.log", "e\n")
	has(t, s.convert(0), "written anew", "the copy of")
	s.expect("c d e")
}

func TestTakeOverOfAFileThatIsGone(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "a\nb\n")
	row := s.row("log/app.log", 2)
	row.id = "(dev=fd01,ino=18446744073709551615)"
	row.modified = time.Now().Add(-time.Hour)
	writeCheckpoints(t, s.path("checkpoints"), row)
	has(t, s.convert(0), "is gone, or compressed", "2 bytes that the Java agent had not sent are gone", "newer than what the Java agent read")
	s.expect("a b")
}

// An inode that was freed and given to another file is told by the time at which that was made.
func TestTakeOverOfAReusedInode(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "new 1\nnew 2\n")
	row := s.row("log/app.log", 6)
	row.modified = time.Now().Add(-time.Hour)
	row.path += ".5"
	row.size = 6
	writeCheckpoints(t, s.path("checkpoints"), row)
	said := s.convert(0)
	if !strings.Contains(said, "newer than what the Java agent read") {
		t.Skip("this file system does not tell when a file was made")
	}
	s.expect("new 1 new 2")
}

func TestTakeOverInsideALineAndAfterAReboot(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "one\ntwo\nthree\n")
	row := s.row("log/app.log", 6)
	row.id = "(dev=ffff1234" + row.id[strings.IndexByte(row.id, ','):]
	old := row
	old.offset, old.updated, old.path = 4, "2026-11-21 10:00:00", row.path+".old" // what it was called before
	writeCheckpoints(t, s.path("checkpoints"), old, row)
	has(t, s.convert(0), "byte 6 is inside a line, which begins at 4", "which a reboot does")
	s.expect("two three")
}

func TestTakeOverOfATruncatedFile(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "a\n")
	row := s.row("log/app.log", 100)
	row.size = 100
	writeCheckpoints(t, s.path("checkpoints"), row)
	has(t, s.convert(0), "had read 100 bytes, and now it has 2")
	s.expect("a")
}

func TestTakeOverRefuses(t *testing.T) {
	s := newSwitchOver(t)
	s.write("log/app.log", "a\n")
	row := s.row("log/app.log", 2)
	foreign := row
	foreign.flow = "kinesis:other:/x"
	odd := row
	odd.id = "ino 7"
	unchanged := func() {
		t.Helper()
		if _, err := os.Stat(s.path("state")); err == nil {
			t.Fatal("a state directory was made")
		}
	}
	s.write("checkpoints", "no database, whatever its name says; and it is long enough for a header of a hundred bytes, to be fair")
	has(t, s.convert(1), "nothing is changed", "no SQLite 3 database", "checkpointFile")
	writeCheckpoints(t, s.path("checkpoints"), foreign)
	has(t, s.convert(1), "nothing is changed", "positions of other flows only (kinesis:other:/x)")
	writeCheckpoints(t, s.path("checkpoints"), odd)
	has(t, s.convert(1), "nothing is changed", `its fileId is "ino 7"`)
	writeCheckpoints(t, s.path("checkpoints"), row)
	data, err := os.ReadFile(s.path("checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("checkpoints", string(data[:9000]))
	has(t, s.convert(1), "nothing is changed", "damaged")
	s.write("checkpoints", string(data))
	s.write("checkpoints-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and pages")
	has(t, s.convert(1), "nothing is changed", "start and stop the Java agent once")
	if err := os.Remove(s.path("checkpoints-journal")); err != nil {
		t.Fatal(err)
	}
	unchanged()

	f, err := os.Open(s.path("checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("sleep", "100")
	holder.ExtraFiles = []*os.File{f}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	said := s.convert(1)
	_ = holder.Process.Kill()
	_ = holder.Wait()
	has(t, said, "nothing is changed", fmt.Sprintf("is open in process %d (sleep)", holder.Process.Pid), "stop the Java agent first")
	unchanged()
	s.convert(0)
	s.expect("")
}
