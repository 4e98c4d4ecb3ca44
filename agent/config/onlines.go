package config

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxFixLines is the most that a corrected text is shown of.
const maxFixLines = 40

// onLines writes the statement that begins on the line of a byte with each argument and block on a line of its own. It returns ""
// where the result would not be right either.
func onLines(text []byte, at int) string {
	_, start := lineAt(text, at)
	tokens, _ := hclsyntax.LexConfig(text[start:], "", hcl.InitialPos) // what is wrong shows when the result is parsed
	var out bytes.Buffer
	depth, inBlock := 0, 0 // open brackets of a value; open blocks
	value := false         // behind the equals sign of an argument
	end := 0               // of the last token written
	for i, tok := range tokens {
		if tok.Type == hclsyntax.TokenEOF {
			break
		}
		if value && depth == 0 {
			switch {
			case tok.Type == hclsyntax.TokenComma:
				value, end = false, tok.Range.End.Byte
				out.WriteString("\n")
				continue
			case tok.Type == hclsyntax.TokenNewline, tok.Type == hclsyntax.TokenCBrace, beginsItem(tokens[i:]):
				value = false
				if tok.Type != hclsyntax.TokenNewline {
					out.WriteString("\n")
				}
			}
		}
		if !value && tok.Type == hclsyntax.TokenComma {
			end = tok.Range.End.Byte
			continue
		}
		if gap := text[start+end : start+tok.Range.Start.Byte]; len(gap) > 0 && out.Len() > 0 {
			out.WriteString(" ")
		}
		out.Write(tok.Bytes)
		end = tok.Range.End.Byte
		switch tok.Type {
		case hclsyntax.TokenEqual:
			if !value {
				value = true
			}
		case hclsyntax.TokenOBrace:
			if value {
				depth++
			} else {
				inBlock++
				out.WriteString("\n")
			}
		case hclsyntax.TokenCBrace:
			if value {
				depth--
			} else {
				inBlock--
				out.WriteString("\n")
			}
		case hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth--
		}
		if tok.Type == hclsyntax.TokenCBrace && !value && inBlock <= 0 {
			break
		}
	}
	fixed := strings.TrimSpace(string(hclwrite.Format(out.Bytes()))) + "\n"
	fixed = withoutEmptyLines(fixed)
	if _, diags := hclsyntax.ParseConfig([]byte(fixed), "", hcl.InitialPos); diags.HasErrors() || strings.Count(fixed, "\n") > maxFixLines {
		return ""
	}
	return fixed
}

// beginsItem says whether an argument or a block begins here: a name and an equals sign, or a name, labels and a brace.
func beginsItem(tokens hclsyntax.Tokens) bool {
	if tokens[0].Type != hclsyntax.TokenIdent || len(tokens) < 2 {
		return false
	}
	if tokens[1].Type == hclsyntax.TokenEqual {
		return true
	}
	for _, tok := range tokens[1:] {
		switch tok.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenCQuote, hclsyntax.TokenIdent:
		case hclsyntax.TokenOBrace:
			return true
		default:
			return false
		}
	}
	return false
}

func withoutEmptyLines(s string) string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		if strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n") + "\n"
}
