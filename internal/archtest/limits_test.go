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

// limit is the maximum of a count, which is made by name.
type limit struct {
	count func(files []goFile) map[string]int
	most  int
	what  string
}

// The limits of the repository.
var (
	methodLimit       = limit{methodsOfTypes, 25, "methods"}
	fileLimit         = limit{filesOfPackages, 30, "files"}
	functionLineLimit = limit{linesOfFunctions, 70, "lines"} // from "func" to the brace
	columnLimit       = limit{columnsOfLines, 120, "columns"}
	fileLineLimit     = limit{linesOfFiles, 450, "lines"}
	configLimit       = limit{embeddedConfigs, 0, "embedded Config"}
)

// beyond returns an error text for everything that exceeds the limit.
func (l limit) beyond(files []goFile) (faults []string) {
	counted := l.count(files)
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		if counted[name] > l.most {
			faults = append(faults, fmt.Sprintf("%s: %d %s, the limit is %d", name, counted[name], l.what, l.most))
		}
	}
	return faults
}

// TestMethodsOfTypes: a type with more methods should be split.
func TestMethodsOfTypes(t *testing.T) {
	require.Empty(t, methodLimit.beyond(goFiles(t)))
}

func methodsOfTypes(files []goFile) map[string]int {
	methods := map[string]int{}
	for _, file := range files {
		for _, declaration := range file.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv != nil {
				methods[file.folder()+": "+typeName(function.Recv.List[0].Type)]++
			}
		}
	}
	return methods
}

// typeName returns the name of a type in a receiver or in an embedded field.
func typeName(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.Ident:
		return of.Name
	case *ast.StarExpr:
		return typeName(of.X)
	case *ast.SelectorExpr:
		return of.Sel.Name
	case *ast.IndexExpr:
		return typeName(of.X)
	case *ast.IndexListExpr:
		return typeName(of.X)
	}
	return "?"
}

// TestFilesOfPackages: a package with more files should be split.
func TestFilesOfPackages(t *testing.T) {
	require.Empty(t, fileLimit.beyond(goFiles(t)))
}

// filesOfPackages does not count tests.
func filesOfPackages(files []goFile) map[string]int {
	counted := map[string]int{}
	for _, file := range files {
		if !file.isTest() {
			counted[file.folder()]++
		}
	}
	return counted
}

// TestLinesOfFunctions counts lines of function literals for the function that contains them.
func TestLinesOfFunctions(t *testing.T) {
	require.Empty(t, functionLineLimit.beyond(goFiles(t)))
}

func linesOfFunctions(files []goFile) map[string]int {
	lines := map[string]int{}
	for _, file := range files {
		for _, declaration := range file.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				length := positions.Position(function.End()).Line - positions.Position(function.Pos()).Line + 1
				name := file.name + ": " + functionName(function)
				lines[name] = max(length, lines[name])
			}
		}
	}
	return lines
}

func functionName(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	return typeName(function.Recv.List[0].Type) + "." + function.Name.Name
}

// TestColumnsOfLines includes raw strings.
func TestColumnsOfLines(t *testing.T) {
	require.Empty(t, columnLimit.beyond(goFiles(t)))
}

// columnsOfLines returns the width of the widest line of each file. A tab counts four.
func columnsOfLines(files []goFile) map[string]int {
	columns := map[string]int{}
	for _, file := range files {
		for _, line := range file.lines {
			width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
			columns[file.name] = max(width, columns[file.name])
		}
	}
	return columns
}

// TestLinesOfFiles: a longer file should be split.
func TestLinesOfFiles(t *testing.T) {
	require.Empty(t, fileLineLimit.beyond(goFiles(t)))
}

func linesOfFiles(files []goFile) map[string]int {
	lines := map[string]int{}
	for _, file := range files {
		lines[file.name] = len(file.lines) - 1
	}
	return lines
}

// TestNobodyEmbedsAConfig, which would expose all fields of the Config.
func TestNobodyEmbedsAConfig(t *testing.T) {
	require.Empty(t, configLimit.beyond(goFiles(t)))
}

func embeddedConfigs(files []goFile) map[string]int {
	embedded := map[string]int{}
	for _, file := range files {
		for name, fields := range structsIn(file.syntax) {
			for _, field := range fields {
				if len(field.Names) == 0 && typeName(field.Type) == "Config" {
					embedded[file.folder()+": "+name]++
				}
			}
		}
	}
	return embedded
}

// structsIn returns the fields of the structs of a file, by name.
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
