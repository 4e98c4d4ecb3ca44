package doctor

import (
	"archive/tar"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Attachment is a file of a support archive.
type Attachment struct {
	Name string
	Data []byte
}

// WriteBundle writes a support archive, tar and gzip, with everything that looks like a secret removed. name is the folder in it.
func WriteBundle(w io.Writer, name string, made time.Time, all []Attachment) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, a := range all {
		data := Redact(a.Data)
		h := &tar.Header{Name: name + "/" + a.Name, Mode: 0o600, Size: int64(len(data)), ModTime: made, Typeflag: tar.TypeReg}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", a.Name, err)
		}
		if _, err := t.Write(data); err != nil {
			return fmt.Errorf("write %s: %w", a.Name, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

const removed = "(removed)"

// secretName is an assignment to a name that sounds like a secret: in HCL, JSON or the environment.
var secretName = regexp.MustCompile(`(?i)^(\s*"?[\w.-]*(?:secret|token|passw|passphrase|api_?key|access_?key|private_?key|external_?id|credential)[\w.-]*"?\s*[=:]\s*)(.*)$`)

var heredoc = regexp.MustCompile(`<<-?\s*(\w+)\s*$`)

// secrets are what is one by its form, wherever it stands.
var secrets = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----`), removed},
	{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`), removed},
	{regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+`), removed},
	{regexp.MustCompile(`(?i)\b(bearer|basic) [\w.~+/=-]{8,}`), "$1 " + removed},
	{regexp.MustCompile(`(://)[^/\s"'@]+@`), "$1" + removed + "@"},
	{regexp.MustCompile(`(?i)([?&;](?:token|secret|password|key|sig|signature|x-amz-signature|x-amz-security-token)=)[^&\s"']+`), "${1}" + removed},
}

// Redact removes what sounds or looks like a secret. It would rather remove too much.
func Redact(text []byte) []byte {
	var b strings.Builder
	until := "" // the end of a here document that is left out
	for line := range strings.Lines(string(text)) {
		if until != "" {
			if strings.TrimSpace(line) == until {
				until = ""
			}
			continue
		}
		body, end := strings.TrimRight(line, "\r\n"), line[len(strings.TrimRight(line, "\r\n")):]
		if m := secretName.FindStringSubmatch(body); len(m) == 3 && m[2] != "" && m[2] != "{" {
			if h := heredoc.FindStringSubmatch(m[2]); h != nil {
				until = h[1]
			}
			comma := ""
			if strings.HasSuffix(m[2], ",") {
				comma = ","
			}
			body = m[1] + `"` + removed + `"` + comma
		}
		b.WriteString(body + end)
	}
	s := b.String()
	for _, x := range secrets {
		s = x.pattern.ReplaceAllString(s, x.with)
	}
	return []byte(s)
}
