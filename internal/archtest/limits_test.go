package archtest_test

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The limits. What is one thought may be long, but nobody reads a function of several screens.
const (
	maxMethods       = 25  // of a type
	maxFiles         = 30  // of a package, without tests
	maxFunctionLines = 70  // from "func" to the brace
	maxColumns       = 120 // of a line, where a tab counts four
	maxFileLines     = 450
)

// TestMethodsOfTypes: a type with more methods is several.
func TestMethodsOfTypes(t *testing.T) {
	methods := map[string]int{}
	for _, file := range goFiles(t) {
		for _, declaration := range file.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv != nil {
				methods[file.folder()+": "+receiver(function.Recv.List[0].Type)]++
			}
		}
	}
	requireWithin(t, "methods", methods, maxMethods, exceptions.methods)
}

// receiver is the name of the type that has a method.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.Ident:
		return of.Name
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	}
	return "?"
}

// TestFilesOfPackages: a package with more files is several.
func TestFilesOfPackages(t *testing.T) {
	files := map[string]int{}
	for _, file := range goFiles(t) {
		if !file.isTest() {
			files[file.folder()]++
		}
	}
	requireWithin(t, "files", files, maxFiles, exceptions.files)
}

// TestLinesOfFunctions counts those of function literals to the function that they stand in.
func TestLinesOfFunctions(t *testing.T) {
	lines := map[string]int{}
	for _, file := range goFiles(t) {
		for _, declaration := range file.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				length := positions.Position(function.End()).Line - positions.Position(function.Pos()).Line + 1
				name := file.name + ": " + functionName(function)
				lines[name] = max(length, lines[name])
			}
		}
	}
	requireWithin(t, "lines", lines, maxFunctionLines, exceptions.functions)
}

func functionName(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	return receiver(function.Recv.List[0].Type) + "." + function.Name.Name
}

// TestColumnsOfLines holds raw strings to the width, too.
func TestColumnsOfLines(t *testing.T) {
	columns := map[string]int{} // of the widest line of a file
	for _, file := range goFiles(t) {
		for _, line := range file.lines {
			width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			columns[file.name] = max(width, columns[file.name])
		}
	}
	requireWithin(t, "columns", columns, maxColumns, exceptions.columns)
}

// TestLinesOfFiles: a file is one thought.
func TestLinesOfFiles(t *testing.T) {
	lines := map[string]int{}
	for _, file := range goFiles(t) {
		lines[file.name] = len(file.lines) - 1
	}
	requireWithin(t, "lines", lines, maxFileLines, exceptions.lines)
}

// TestNobodyEmbedsAConfig: who embeds one has other people's stores and keys among the fields that everybody sees.
func TestNobodyEmbedsAConfig(t *testing.T) {
	embedded := map[string]int{}
	for _, file := range goFiles(t) {
		for name, fields := range structsIn(file.syntax) {
			for _, field := range fields {
				if len(field.Names) == 0 && strings.HasSuffix("."+embeddedName(field.Type), ".Config") {
					embedded[file.folder()+": "+name]++
				}
			}
		}
	}
	requireWithin(t, "embedded Config", embedded, 0, exceptions.configs)
}

// structsIn is the fields of the structs of a file, by name.
func structsIn(file *ast.File) map[string][]*ast.Field {
	found := map[string][]*ast.Field{}
	ast.Inspect(file, func(node ast.Node) bool {
		if declared, ok := node.(*ast.TypeSpec); ok {
			if structure, ok := declared.Type.(*ast.StructType); ok {
				found[declared.Name.Name] = structure.Fields.List
			}
		}
		return true
	})
	return found
}

func embeddedName(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.SelectorExpr:
		return of.Sel.Name
	default:
		return receiver(of)
	}
}

// requireWithin holds what was counted against a limit. What stands among the exceptions must be beyond it.
func requireWithin(t *testing.T, what string, counted map[string]int, limit int, except []string) {
	t.Helper()
	var beyond []string
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		if counted[name] > limit && !slices.Contains(except, name) {
			beyond = append(beyond, fmt.Sprintf("%s: %d %s, the limit is %d", name, counted[name], what, limit))
		}
	}
	require.Empty(t, beyond)
	for _, name := range except {
		require.Greater(t, counted[name], limit, "%s needs no exception any more", name)
	}
}
