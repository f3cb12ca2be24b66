package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/lingpai/lingpai/"

// TestImports checks the imports of every package: each must be in the table, and import only our packages that its
// rule allows.
func TestImports(t *testing.T) {
	require.Empty(t, importFaults(table, listPackages(t)))
}

func importFaults(table []rule, packages []goPackage) (faults []string) {
	places := placesOf(table)
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		place, known := places[name]
		if !known {
			faults = append(faults, name+" is not in the table: give it a rule")
			continue
		}
		rule := table[place]
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && !slices.Contains(rule.may, ours) && !slices.Contains(rule.may, "*"):
				faults = append(faults, name+" must not import "+ours)
			case isOurs && places[ours] >= place:
				faults = append(faults, name+" imports "+ours+", which is not above it in the table")
			case !isOurs && slices.ContainsFunc(rule.never, func(p string) bool {
				return strings.HasPrefix(imported,
					p)
			}):
				faults = append(faults, name+" must not import "+imported)
			}
		}
	}
	return faults
}

// placesOf returns the position of each package in a table.
func placesOf(table []rule) map[string]int {
	places := map[string]int{}
	for n, rule := range table {
		places[rule.name] = n
	}
	return places
}

// TestTablePointsDown: a package may only import packages above it in the table, so that there is no cycle. No
// package is in the table twice.
func TestTablePointsDown(t *testing.T) {
	places := placesOf(table)
	require.Len(t, places, len(table), "a package is in it twice")
	for n, rule := range table {
		for _, name := range rule.may {
			place, known := places[name]
			require.True(t, name == "*" || known && place < n, "%s may not import %s", rule.name, name)
		}
	}
}

// TestTableNamesPackagesThatExist finds rules of removed packages.
func TestTableNamesPackagesThatExist(t *testing.T) {
	var names []string
	for _, p := range listPackages(t) {
		names = append(names, strings.TrimPrefix(p.ImportPath, module))
	}
	for _, rule := range table {
		require.Contains(t, names, rule.name)
	}
}

// TestTableAllowsOnlyActualImports finds unused permissions.
func TestTableAllowsOnlyActualImports(t *testing.T) {
	imported := map[string][]string{}
	for _, p := range listPackages(t) {
		imported[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	for _, rule := range table {
		for _, name := range rule.may {
			require.True(t, name == "*" || slices.Contains(imported[rule.name], module+name),
				"%s does not import %s: remove it from the table", rule.name, name)
		}
	}
}

// TestImportFaults tries the rules on packages that break them.
func TestImportFaults(t *testing.T) {
	table := []rule{{"low", nil, []string{"net/http"}}, {"middle", []string{"low"}, nil}, {"top", []string{"*"}, nil},
		{"aside", []string{"*"}, nil}}
	packages := func(name string, imports ...string) []goPackage {
		for n := range imports {
			imports[n] = strings.Replace(imports[n], "our/", module, 1)
		}
		return []goPackage{{ImportPath: module + name, Imports: imports}}
	}
	require.Empty(t, importFaults(table, packages("middle", "our/low", "net/http")))
	for want, given := range map[string][]goPackage{
		"unknown is not in the table: give it a rule":           packages("unknown"),
		"low must not import net/http":                          packages("low", "net/http"),
		"low must not import middle":                            packages("low", "our/middle"),
		"top imports aside, which is not above it in the table": packages("top", "our/aside"),
	} {
		require.Equal(t, []string{want}, importFaults(table, given))
	}
}

// TestPackageNames rejects names of folders that say nothing about their content.
func TestPackageNames(t *testing.T) {
	for _, p := range listPackages(t) {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			require.NotContains(t, []string{"util", "utils", "common", "pkg", "mocks", "config", "controllers",
				"helpers"}, part, p.ImportPath)
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	goFiles(t) // reads the files, so that a cached result is not used after a change
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}
