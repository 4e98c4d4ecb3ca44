package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// redefined is what hcl calls a second argument of the same name. The rest of the file is understood all the same.
const redefined = "Attribute redefined"

// parse reads the syntax of a file. Of its syntax errors the first is returned, because the others mostly follow from it; then the
// file is not whole, and its blocks can't be relied upon.
func parse(src source) (file *hcl.File, out hcl.Diagnostics, whole bool) {
	file, diags := parseText(src)
	whole = true
	for _, diag := range diags {
		if diag.Summary == redefined {
			out = append(out, explainRedefined(diag, file))
		} else if whole {
			explainSyntax(diag, src.text)
			out = append(out, diag)
			whole = false
		}
	}
	return file, out, whole
}

func parseText(src source) (*hcl.File, hcl.Diagnostics) {
	unread := &hcl.File{Bytes: src.text}
	if strings.HasSuffix(src.name, ".json") {
		if diag := jsonTooDeep(src); diag != nil {
			return unread, hcl.Diagnostics{diag}
		}
		file, diags := json.Parse(src.text, src.name)
		if file == nil {
			file = unread
		}
		file.Bytes = src.text
		return file, diags
	}
	if diag := tooDeep(src); diag != nil {
		return unread, hcl.Diagnostics{diag}
	}
	file, diags := hclsyntax.ParseConfig(src.text, src.name, hcl.InitialPos)
	return file, diags
}

// explainRedefined shows where an argument that is there twice was set first.
func explainRedefined(diag *hcl.Diagnostic, file *hcl.File) *hcl.Diagnostic {
	at := *diag.Subject
	name := string(at.SliceBytes(file.Bytes))
	body, ok := file.Body.(*hclsyntax.Body)
	for ok {
		inner := blockAround(body, at)
		if inner == nil {
			break
		}
		body = inner.Body
	}
	diag.Extra = extra{hint: "again here"}
	if ok {
		if first := body.Attributes[name]; first != nil {
			diag.Extra = extra{hint: "again here", other: &first.NameRange, otherHint: "the first is here"}
		}
	}
	diag.Summary, diag.Detail = fmt.Sprintf("%s is set twice", name), "Leave one of them out."
	return diag
}

func blockAround(body *hclsyntax.Body, at hcl.Range) *hclsyntax.Block {
	for _, blk := range body.Blocks {
		if blk.OpenBraceRange.End.Byte <= at.Start.Byte && at.Start.Byte < blk.CloseBraceRange.End.Byte {
			return blk
		}
	}
	return nil
}

var (
	unquotedUnit = regexp.MustCompile(`=\s*([0-9][0-9.]*[A-Za-z%]+)\s*(?:#.*|//.*)?$`)
	unquotedPath = regexp.MustCompile(`[=\[,]\s*(/[^\s"\],]+)`)
	singleQuoted = regexp.MustCompile(`'([^'"]*)'`)
	argument     = regexp.MustCompile(`^\s*[A-Za-z_][\w-]*\s*=[^=]`)
	colonValue   = regexp.MustCompile(`^\s*([A-Za-z_][\w-]*)\s*:\s*(.+?),?\s*$`)
)

// explainSyntax adds what was probably meant to what hcl says about a syntax error.
func explainSyntax(diag *hcl.Diagnostic, text []byte) {
	if diag.Subject == nil {
		return
	}
	line, _ := lineAt(text, diag.Subject.Start.Byte)
	say := func(summary, hint, detail string) {
		diag.Summary, diag.Detail, diag.Extra = summary, detail, extra{hint: hint}
	}
	if o, ok := otherOperator(text, diag.Subject.Start.Byte, line); ok && slices.Contains(behindOperand, diag.Summary) {
		say(fmt.Sprintf("There is no operator %q here", o.word), o.hint, "")
		return
	}
	switch diag.Summary {
	case "Invalid single-argument block definition", "Argument definition required":
		if fix := onLines(text, diag.Subject.Start.Byte); fix != "" {
			diag.Summary = "A block on one line can hold one argument only"
			diag.Detail = "Write each argument on a line of its own:"
			diag.Extra = extra{hint: "this begins a second one", fix: fix}
			if bytes.HasPrefix(text[diag.Subject.Start.Byte:], []byte(",")) {
				diag.Extra = extra{hint: "arguments are separated by line ends, not commas", fix: fix}
			} else if diag.Subject.End.Line > diag.Subject.Start.Line {
				diag.Extra = extra{hint: "the block must end here, or the argument begin on a line of its own", fix: fix}
			}
		}
	case "Missing newline after argument":
		if m := unquotedUnit.FindStringSubmatch(line); m != nil {
			say("A value with a unit is written in quotes", fmt.Sprintf("write %q", m[1]), "")
		}
	case "Invalid expression":
		if m := unquotedPath.FindStringSubmatch(line); m != nil {
			say("Text is written in quotes", fmt.Sprintf("write %q", m[1]), "")
		}
	case "Invalid character":
		if m := singleQuoted.FindStringSubmatch(line); m != nil {
			say("Text is written in double quotes", fmt.Sprintf("write %q", m[1]), "")
		}
	case "Missing argument separator":
		if rest := text[min(len(text), diag.Subject.Start.Byte):]; bytes.HasPrefix(rest, []byte("}")) || argument.MatchString(line) {
			say("The call before this is not closed", "a ) is missing before this", "")
		} else {
			diag.Extra = extra{hint: "a comma is missing before this"}
		}
	case "Missing item separator":
		if argument.MatchString(line) {
			say("The list before this is not closed", "a ] is missing before this", "")
		} else {
			diag.Extra = extra{hint: "a comma is missing before this"}
		}
	case "Invalid escape sequence":
		say(diag.Summary, `write two backslashes`,
			"In quotes a backslash begins an escape such as \\n, so one that is meant is written twice: \"\\\\d+\". In a heredoc (<<EOT ... EOT), and in a file read with file(\"...\"), it is written once.")
	case "Invalid template control keyword", "Unexpected end of template":
		say("%{ begins a template", "write %%{ if it is meant as it is", templates)
	case "Unclosed template interpolation sequence", "Extra characters after interpolation expression":
		say("${ begins a template, and this one is not finished", "write $${ if it is meant as it is", templates)
	case "Unclosed configuration block":
		diag.Extra = extra{hint: "this is never closed"}
		diag.Detail = "There is no } for it before the end of the file. It, or a block inside, lacks one."
		if at, ok := indented(text, diag.Subject.Filename); ok && at.Start.Line != diag.Subject.Start.Line {
			diag.Extra = extra{hint: "this is never closed", other: &at, otherHint: "probably because this lacks its }, going by the indentation"}
		}
	case "Argument or block definition required":
		if m := colonValue.FindStringSubmatch(line); m != nil {
			say("An argument is set with an equals sign", fmt.Sprintf("write %s = %s", m[1], m[2]), "")
		} else if isJSON(text) {
			say("This is JSON, in a file for HCL", "", "A file in HCL's JSON syntax has a name that ends in .hcl.json. A configuration of the Java agent (agent.json) has other keys.")
		}
	}
}

const templates = "In quotes and in heredocs, ${ and %{ begin a template. Where they are meant as they are (in a pattern, say), write $${ and %%{, or keep the text in a file and read it with file(\"...\")."

// indented finds the first block that is followed by something indented less before its brace is closed.
func indented(text []byte, name string) (hcl.Range, bool) {
	type block struct{ indent, line, start, end int }
	var open []block
	offset := 0
	for i, line := range strings.SplitAfter(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		start := offset
		offset += len(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "//") {
			continue
		}
		if n := len(open); n > 0 && (indent < open[n-1].indent || indent == open[n-1].indent && trimmed != "}") {
			b := open[n-1]
			return hcl.Range{
				Filename: name,
				Start:    hcl.Pos{Line: b.line, Column: b.indent + 1, Byte: b.start},
				End:      hcl.Pos{Line: b.line, Column: b.indent + 1 + b.end - b.start, Byte: b.end},
			}, true
		}
		if trimmed == "}" && len(open) > 0 {
			open = open[:len(open)-1]
		}
		if strings.HasSuffix(trimmed, "{") {
			open = append(open, block{indent, i + 1, start + indent, start + indent + len(trimmed)})
		}
	}
	return hcl.Range{}, false
}

func isJSON(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
}

// lineAt is the line that holds a byte, and where it starts.
func lineAt(text []byte, at int) (string, int) {
	at = min(at, len(text))
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	end := len(text)
	if i := bytes.IndexByte(text[start:], '\n'); i >= 0 {
		end = start + i
	}
	return strings.TrimSuffix(string(text[start:max(start, end)]), "\r"), start
}
