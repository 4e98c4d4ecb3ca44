package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// functions are those that load-time expressions may call: what expressions over records may call, and env and file.
func functions(opts Options) map[string]function.Function {
	all := expr.Functions()
	all["env"], all["file"] = envFunc(opts), fileFunc(opts)
	return all
}

// loadFunctions can be called at load time only.
var loadFunctions = []string{"env", "file"}

// envFunc is env(name) and env(name, default). An unset variable without a default is an error; a set but empty one is "".
func envFunc(opts Options) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "name", Type: cty.String}},
		VarParam: &function.Parameter{Name: "default", Type: cty.String, AllowNull: true},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) > 2 {
				return cty.NilVal, function.NewArgErrorf(2, "takes a name and a default")
			}
			name := args[0].AsString()
			if v, ok := opts.Env(name); ok {
				return cty.StringVal(v), nil
			}
			if len(args) == 2 {
				return args[1], nil
			}
			return cty.NilVal, unsetError(name)
		},
	})
}

// unsetError is the name of an environment variable that is not set and has no default.
type unsetError string

func (e unsetError) Error() string {
	return fmt.Sprintf("the environment variable %s is not set and has no default", string(e))
}

// maxFile is the most that file() reads, in bytes.
const maxFile = 1 << 20

// fileFunc is file(path): the text of a file, without one newline at its end. A relative path starts at the configuration's folder.
func fileFunc(opts Options) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			if !filepath.IsAbs(path) {
				path = filepath.Join(opts.BaseDir, path)
			}
			text, err := readRegular(path, maxFile)
			if err != nil {
				var perr *fs.PathError
				if errors.As(err, &perr) {
					err = perr.Err
				}
				return cty.NilVal, fmt.Errorf("cannot read %s: %w", path, err)
			}
			return cty.StringVal(strings.TrimSuffix(string(text), "\n")), nil
		},
	})
}

// readRegular reads a regular file of at most limit bytes. Anything else could block or never end.
func readRegular(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("it is larger than %s", formatSize(limit))
	}
	return text, nil
}
