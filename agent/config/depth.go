package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// hcl's parsers call themselves for each nested thing, and a stack of Go's that overflows ends the process. People nest a few deep.
const (
	maxDepth     = 100
	maxOperators = 1000 // in one argument
)

// tooDeep looks at the tokens, which are found without recursion.
func tooDeep(src source) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src.text, src.name, hcl.InitialPos) // parsing reports what is wrong with them
	depth, operators := 0, 0
	for _, tok := range tokens {
		switch tok.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
			operators++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenNewline, hclsyntax.TokenComma:
		case hclsyntax.TokenEqual:
			operators = 0
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenNumberLit, hclsyntax.TokenComment:
		default:
			operators++
		}
		if depth > maxDepth || operators > maxOperators {
			return deep(tok.Range)
		}
	}
	return nil
}

// jsonTooDeep counts brackets outside of strings.
func jsonTooDeep(src source) *hcl.Diagnostic {
	depth, quoted := 0, false
	for i := 0; i < len(src.text); i++ {
		switch c := src.text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth = max(0, depth-1)
		}
		if depth > maxDepth {
			return deep(hcl.Range{Filename: src.name, Start: hcl.InitialPos, End: hcl.InitialPos})
		}
	}
	return nil
}

func deep(at hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "This is nested too deeply", Subject: &at,
		Detail: fmt.Sprintf("Brackets, blocks and templates may be nested %d deep, and an expression may have %d operators.", maxDepth, maxOperators),
	}
}
