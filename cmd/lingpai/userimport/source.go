package userimport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// maxRow bounds a row, in bytes: a longer one is not a user, but an unclosed quote or the wrong
// file.
const maxRow = 64 << 10

// inputFile is the file to import, or standard input.
type inputFile struct {
	*bufio.Reader
	file   io.Closer
	path   string
	size   int64 // in bytes; 0: unknown
	passed atomic.Int64
	bound  atomic.Int64 // reading fails when passed reaches it; 0: no bound
}

// openInput opens the file to import, and rejects it if its beginning is not UTF-8.
func openInput(ctx context.Context, stdin io.Reader, path string) (*inputFile, error) {
	s := &inputFile{path: path}
	if path == "-" {
		s.begin(terminal.Interruptible(ctx, stdin))
		if file, ok := stdin.(*os.File); ok {
			s.measure(file)
		}
		return s, s.checkText()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s.file = file
	s.begin(file)
	s.measure(file)
	if err := s.checkText(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (s *inputFile) begin(r io.Reader) {
	s.Reader = bufio.NewReaderSize(passing{r, s}, maxRow)
}

// measure sets the size of a regular file; a pipe has none.
func (s *inputFile) measure(file *os.File) {
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		s.size = info.Size()
	}
}

// Close closes the file that openInput opened; it does not close standard input.
func (s *inputFile) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// passing counts the bytes that are read.
type passing struct {
	io.Reader
	source *inputFile
}

var errRowTooLong = errors.New("the row is too long")

// Read implements io.Reader.
func (p passing) Read(into []byte) (int, error) {
	if bound := p.source.bound.Load(); bound > 0 && p.source.passed.Load() >= bound {
		return 0, errRowTooLong
	}
	n, err := p.Reader.Read(into)
	p.source.passed.Add(int64(n))
	return n, err
}

// checkText checks the encoding at the beginning of the file, and skips a byte order mark.
func (s *inputFile) checkText() error {
	sample, err := s.Peek(maxRow)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("nothing was read: %w", err)
	}
	name := s.path
	if name == "-" {
		name = "standard input"
	}
	if len(sample) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	if bytes.HasPrefix(sample, []byte("\xff\xfe")) || bytes.HasPrefix(sample, []byte("\xfe\xff")) ||
		bytes.ContainsRune(sample[:min(2, len(sample))], 0) {
		return fmt.Errorf("%s is UTF-16: convert it to UTF-8, for example with: iconv -f UTF-16 -t UTF-8", name)
	}
	if at := notUTF8(sample, err == nil); at >= 0 {
		return fmt.Errorf("%s is not UTF-8 in line %d: convert it to UTF-8, for example with: "+
			"iconv -f GBK -t UTF-8", name, 1+bytes.Count(sample[:at], []byte("\n")))
	}
	if bytes.HasPrefix(sample, []byte(terminal.ByteOrderMark)) {
		_, err = s.Discard(len(terminal.ByteOrderMark))
		return err
	}
	return nil
}

// notUTF8 returns the index at which a text is not UTF-8, or -1. If the text was cut, its last character may be
// incomplete.
func notUTF8(text []byte, cut bool) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			if cut && !utf8.FullRune(text[at:]) {
				return -1
			}
			return at
		}
		at += size
	}
	return -1
}

// rows returns a reader of a format, or of the format that the file's extension implies.
func (s *inputFile) rows(format string) (rowReader, error) {
	if format == "" {
		format = map[string]string{".csv": "csv", ".jsonl": "jsonl",
			".ndjson": "jsonl"}[strings.ToLower(filepath.Ext(s.path))]
	}
	switch format {
	case "csv":
		return newCSVRows(s)
	case "jsonl":
		return &jsonRows{source: s}, nil
	case "":
		return nil, errors.New("--format: give csv or jsonl, since the name does not end in .csv, .jsonl or .ndjson")
	}
	return nil, fmt.Errorf("--format: %q is neither csv nor jsonl", format)
}
