package sqlite

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Row is the values of a row by the names of their columns in lower case: nil, int64, float64, string or []byte.
type Row map[string]any

// Rows are the rows of a table, in the order of their row ids. The table's name is compared without case. Errors are ErrNoTable, ErrBroken or ErrUnsupported.
func (db *DB) Rows(table string) ([]Row, error) {
	var root uint32
	var sql string
	var names []string
	err := db.walk(1, 0, map[uint32]bool{}, func(_ int64, payload []byte) error {
		v, err := db.values(payload)
		if err != nil {
			return err
		}
		if len(v) < 5 || v[0] != "table" {
			return nil
		}
		name, _ := v[1].(string)
		names = append(names, name)
		if strings.EqualFold(name, table) {
			n, _ := v[3].(int64)
			root = uint32(max(0, min(n, 1<<32-1))) //nolint:gosec // bounded
			sql, _ = v[4].(string)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root == 0 {
		return nil, fmt.Errorf("%w: %s; there is %s", ErrNoTable, table, strings.Join(append(names[:min(len(names), 10)], "nothing else"), ", "))
	}
	columns, rowid, err := columnsOf(sql)
	if err != nil {
		return nil, err
	}
	var rows []Row
	err = db.walk(root, 0, map[uint32]bool{}, func(id int64, payload []byte) error {
		values, err := db.values(payload)
		if err != nil {
			return err
		}
		row := Row{}
		for i, name := range columns {
			switch {
			case i == rowid:
				row[name] = id
			case i < len(values):
				row[name] = values[i]
			default: // of a column that was added later
				row[name] = nil
			}
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

var (
	withoutRowid = regexp.MustCompile(`(?i)\bWITHOUT\s+ROWID\b`)
	rowidColumn  = regexp.MustCompile(`(?i)^\S+\s+INTEGER\b.*\bPRIMARY\s+KEY\b`)
	constraints  = []string{"PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"}
)

// columnsOf are the columns that a CREATE TABLE statement names, and the index of the one that stands for the row id; -1 if none does.
func columnsOf(sql string) (names []string, rowid int, err error) {
	from, to := strings.IndexByte(sql, '('), strings.LastIndexByte(sql, ')')
	if from < 0 || to < from {
		return nil, -1, fmt.Errorf("%w: the statement %q", ErrUnsupported, sql)
	}
	if withoutRowid.MatchString(sql[to:]) {
		return nil, -1, fmt.Errorf("%w: a table without row ids", ErrUnsupported)
	}
	rowid = -1
	for _, part := range splitTop(sql[from+1 : to]) {
		part = strings.TrimSpace(part)
		name, quoted := firstWord(part)
		if name == "" || !quoted && slices.Contains(constraints, strings.ToUpper(name)) {
			continue
		}
		if rowidColumn.MatchString(part) {
			rowid = len(names)
		}
		names = append(names, strings.ToLower(name))
	}
	if len(names) == 0 {
		return nil, -1, fmt.Errorf("%w: the statement %q", ErrUnsupported, sql)
	}
	return names, rowid, nil
}

// splitTop parts at the commas outside of quotes and parentheses.
func splitTop(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		case '\'', '"', '`', '[':
			if c == '[' {
				c = ']'
			}
			if end := strings.IndexByte(s[i+1:], c); end >= 0 {
				i += end + 1
			}
		}
	}
	return append(parts, s[from:])
}

// firstWord is the name that a definition begins with, in quotes or not.
func firstWord(s string) (word string, quoted bool) {
	if s == "" {
		return "", false
	}
	if end := strings.IndexByte("\"'`[", s[0]); end >= 0 {
		closing := "\"'`]"[end]
		if i := strings.IndexByte(s[1:], closing); i >= 0 {
			return s[1 : 1+i], true
		}
	}
	if i := strings.IndexAny(s, " \t\r\n("); i >= 0 {
		return s[:i], false
	}
	return s, false
}
