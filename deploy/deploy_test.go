package deploy_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/stretchr/testify/require"
)

// TestComposeFileIsHardened checks the restrictions of every service.
func TestComposeFileIsHardened(t *testing.T) {
	services := compose(t)["services"].(map[string]any)
	require.Len(t, services, 4)
	for name, service := range services {
		s := service.(map[string]any)
		require.Equal(t, true, s["read_only"], name)
		require.Equal(t, []any{"ALL"}, s["cap_drop"], name)
		require.Equal(t, []any{"no-new-privileges:true"}, s["security_opt"], name)
		require.NotContains(t, s, "privileged", name)
		image := s["image"].(string)
		require.Regexp(t, `^(lingpai:\$\{VERSION:\?.+\}|[a-z]+:\d+\.\d+[.\d]*-[a-z]+)$`, image,
			"%s: an image with a version, not the latest", name)
		if !strings.HasPrefix(image, "lingpai:") {
			require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, s["user"], "%s: not root", name)
			require.Contains(t, s, "healthcheck", name)
		}
		if name == "postgres" {
			require.Contains(t, s["command"], "synchronous_commit=on")
		}
		for _, port := range list(s["ports"]) {
			require.Contains(t, port, "127.0.0.1:", "%s: only this machine may bypass the reverse proxy", name)
		}
	}
}

// TestSecretsAreFiles checks that the compose file contains no secret, and that each one is the operator's file.
func TestSecretsAreFiles(t *testing.T) {
	file := compose(t)
	secrets := file["secrets"].(map[string]any)
	for name, secret := range secrets {
		require.Equal(t, map[string]any{"file": "secrets/" + name}, secret)
		require.Contains(t, text(t, "README.md"), "> secrets/", name)
	}
	for name, service := range file["services"].(map[string]any) {
		s := service.(map[string]any)
		given := list(s["secrets"])
		for _, secret := range given {
			require.Contains(t, secrets, secret, name)
		}
		environment, _ := s["environment"].(map[string]any)
		for variable, value := range environment {
			if !regexp.MustCompile(`PASSWORD|SECRET|KEY|_URL`).MatchString(variable) {
				continue
			}
			secret, ok := strings.CutPrefix(value.(string), "/run/secrets/")
			require.True(t, ok && strings.HasSuffix(variable, "_FILE"), "%s: %s is not a file", name, variable)
			require.Contains(t, given, secret, "%s: %s", name, variable)
		}
	}
	require.NotRegexp(t, `://[^/\s]*:[^/\s]*@|requirepass`, text(t, "compose.yaml"), "a password within another value")
}

// TestVariablesAreKeysOfTheConfiguration finds misspelt variables, with which lingpai would not start.
func TestVariablesAreKeysOfTheConfiguration(t *testing.T) {
	example, err := yaml.Parser().Unmarshal([]byte(text(t, "lingpai.example.yaml")))
	require.NoError(t, err)
	known := []string{"LINGPAI_MASTER_KEY"} // not in a file that people copy
	for group, keys := range example {
		for key := range keys.(map[string]any) {
			known = append(known, "LINGPAI_"+strings.ToUpper(group+"_"+key))
		}
	}
	for _, file := range []string{"compose.yaml", "Dockerfile", "README.md", "README.zh-CN.md", "nginx.conf"} {
		for _, variable := range regexp.MustCompile(`LINGPAI_[A-Z_]+`).FindAllString(text(t, file), -1) {
			require.Contains(t, known, strings.TrimSuffix(variable, "_FILE"), file)
		}
	}
}

// TestImageIsBuiltByTheGoOfTheModule also checks that the program runs as an unprivileged user.
func TestImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	dockerfile := text(t, "Dockerfile")
	needed := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(text(t, "../go.mod"))
	require.Len(t, needed, 2)
	require.Regexp(t, `FROM --platform=\$BUILDPLATFORM golang:`+regexp.QuoteMeta(needed[1])+
		`\.\d+-\w+ AS build-static`, dockerfile)
	images := regexp.MustCompile(`golang:\S+`).FindAllString(dockerfile, -1)
	require.Len(t, images, 2)
	require.Equal(t, images[0], images[1], "both programs use the same Go")
	require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, dockerfile)
	require.NotRegexp(t, `(?m)^ARG TARGET\w+=`, dockerfile, "otherwise an image for arm64 has a program for amd64")
	_, image, found := strings.Cut(dockerfile, "FROM scratch")
	require.True(t, found)
	require.Contains(t, image, "/etc/ssl/certs/ca-certificates.crt")
	require.NotContains(t, image, "\nRUN ", "there is no shell")
}

// TestImageSignsByOpenSSL checks that OpenSSL is the default, and that the base image has the C library of the
// build image.
func TestImageSignsByOpenSSL(t *testing.T) {
	dockerfile := text(t, "Dockerfile")
	require.Contains(t, dockerfile, "\nARG BUILD=openssl\n")
	base := regexp.MustCompile(`(?m)^ARG BASE=\S+-debian(\d+)$`).FindStringSubmatch(dockerfile)
	require.Len(t, base, 2)
	debian := map[string]string{"12": "bookworm", "13": "trixie"}[base[1]]
	require.Regexp(t, `(?m)^FROM golang:[\d.]+-`+debian+` AS build-openssl$`, dockerfile)
	for _, build := range []string{"openssl", "static"} {
		require.Regexp(t, `(?m)^FROM .* AS build-`+build+`$`, dockerfile)
		require.Regexp(t, `(?m)^FROM .* AS base-`+build+`$`, dockerfile)
	}
	for _, document := range []string{"README.md", "README.zh-CN.md"} {
		require.Contains(t, text(t, document), "--build-arg BUILD=static", document)
	}
}

// builtAsInTheImage runs a build command of the Dockerfile, for Linux as in the image, and returns the
// program's path and its printed version.
func builtAsInTheImage(t *testing.T, cgo string) (path, version string) {
	t.Helper()
	if os.Getenv("CI") != "true" {
		t.Skip("NOT RUN: the Dockerfile's build command, which compiles everything again; CI=true runs it")
	}
	command := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=` + cgo + ` .*go build .*)$`).FindStringSubmatch(text(t,
		"Dockerfile"))
	require.Len(t, command, 2)
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command[1], "/out/", folder+"/"))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION=v9.9.9")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	path = filepath.Join(folder, "lingpai")
	program, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, program.Size(), int64(45<<20), "ADR 17")
	printed, err := exec.CommandContext(t.Context(), path, "version").Output()
	require.NoError(t, err)
	return path, string(printed)
}

func TestBuildCommandMakesAStaticProgram(t *testing.T) {
	path, version := builtAsInTheImage(t, "0")
	require.Equal(t, "lingpai v9.9.9 (signatures: go)\n", version)
	program, err := elf.Open(path)
	require.NoError(t, err)
	defer program.Close()
	require.False(t, slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }),
		"it needs a loader, and the image has none")
}

// TestBuildCommandMakesAProgramThatSignsByOpenSSL also checks that the program needs no library that the image lacks.
func TestBuildCommandMakesAProgramThatSignsByOpenSSL(t *testing.T) {
	path, version := builtAsInTheImage(t, "1")
	require.Regexp(t, `^lingpai v9\.9\.9 \(signatures: openssl 3\.\d+\.\d+\)\n$`, version)
	program, err := elf.Open(path)
	require.NoError(t, err)
	defer program.Close()
	needed, err := program.ImportedLibraries()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"libcrypto.so.3", "libc.so.6"}, needed)
}

// TestDocumentsAreEqual compares the guides of both languages: the same sections and commands.
func TestDocumentsAreEqual(t *testing.T) {
	for _, same := range []string{`(?m)^#+ `, "(?s)```sh\n.*?\n```"} {
		in := regexp.MustCompile(same)
		require.Equal(t, in.FindAllString(text(t, "README.md"), -1), in.FindAllString(text(t, "README.zh-CN.md"), -1))
	}
}

func compose(t *testing.T) map[string]any {
	t.Helper()
	file, err := yaml.Parser().Unmarshal([]byte(text(t, "compose.yaml")))
	require.NoError(t, err)
	return file
}

func list(value any) []any {
	list, _ := value.([]any)
	return list
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.FromSlash(path))
	require.NoError(t, err)
	return string(content)
}
