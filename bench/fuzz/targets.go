package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// target is a fuzz function of a test.
type target struct {
	name string // package.Func
	path string // of the package, to import
	fn   string
	says string // its documentation, without its name
}

// targets finds them in the tests of the module in the working directory.
func targets(ctx context.Context) ([]target, error) {
	text, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Path}} {{.ImportPath}} {{.Dir}}", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("go list: %s", exit.Stderr)
		}
		return nil, err
	}
	var out []target
	for line := range strings.Lines(string(text)) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		files, err := filepath.Glob(filepath.Join(words[2], "*_test.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			found, err := targetsOf(file)
			if err != nil {
				return nil, err
			}
			for _, t := range found {
				t.path = words[1]
				t.name = strings.TrimPrefix(strings.TrimPrefix(t.path, words[0]), "/") + "." + t.fn
				out = append(out, t)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there are no fuzz targets here: run it in the module's folder")
	}
	slices.SortFunc(out, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func targetsOf(file string) ([]target, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out []target
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
			continue
		}
		says := strings.Join(strings.Fields(fn.Doc.Text()), " ")
		says = strings.TrimPrefix(says, fn.Name.Name+": ")
		out = append(out, target{fn: fn.Name.Name, says: strings.TrimSuffix(says, ".")})
	}
	return out, nil
}
