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

// TestImports holds the imports of every package against the table: each has its place there, and imports of ours
// only what its rule names.
func TestImports(t *testing.T) {
	require.Empty(t, importFaults(table, listPackages(t)))
}

func importFaults(table []rule, packages []goPackage) (faults []string) {
	floors := floorsOf(table)
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		floor, known := floors[name]
		if !known {
			faults = append(faults, name+" is not in the table: give it a rule")
			continue
		}
		rule := table[floor]
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && !slices.Contains(rule.may, ours) && !slices.Contains(rule.may, "*"):
				faults = append(faults, name+" must not import "+ours)
			case isOurs && floors[ours] >= floor:
				faults = append(faults, name+" imports "+ours+", which does not stand above it in the table")
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

// floorsOf is the place of each package in a table.
func floorsOf(table []rule) map[string]int {
	floors := map[string]int{}
	for n, rule := range table {
		floors[rule.name] = n
	}
	return floors
}

// TestTablePointsDown: what a package may import stands before it, so that there can be no circle; and no package
// stands in a table twice.
func TestTablePointsDown(t *testing.T) {
	floors := floorsOf(table)
	require.Len(t, floors, len(table), "a package stands in it twice")
	for n, rule := range table {
		for _, name := range rule.may {
			floor, known := floors[name]
			require.True(t, name == "*" || known && floor < n, "%s may not import %s", rule.name, name)
		}
	}
}

// TestTableNamesPackagesThatExist finds rules of packages that are gone.
func TestTableNamesPackagesThatExist(t *testing.T) {
	var names []string
	for _, p := range listPackages(t) {
		names = append(names, strings.TrimPrefix(p.ImportPath, module))
	}
	for _, rule := range table {
		require.Contains(t, names, rule.name)
	}
}

// TestTableAllowsNothingThatNobodyNeeds finds arrows that are gone.
func TestTableAllowsNothingThatNobodyNeeds(t *testing.T) {
	imported := map[string][]string{}
	for _, p := range listPackages(t) {
		imported[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	for _, rule := range table {
		for _, name := range rule.may {
			require.True(t, name == "*" || slices.Contains(imported[rule.name], module+name),
				"%s does not import %s: take it out of the table", rule.name, name)
		}
	}
}

// TestImportFaults tries the law on packages that break it.
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
		"unknown is not in the table: give it a rule":                   packages("unknown"),
		"low must not import net/http":                                  packages("low", "net/http"),
		"low must not import middle":                                    packages("low", "our/middle"),
		"top imports aside, which does not stand above it in the table": packages("top", "our/aside"),
	} {
		require.Equal(t, []string{want}, importFaults(table, given))
	}
}

// TestPackageNames refuses folders that say nothing of what is in them.
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
	goFiles(t) // so that a cached result is not taken when one of them has changed
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
