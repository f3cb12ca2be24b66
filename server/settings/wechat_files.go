package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/internal/pattern"
)

// The limits of the files with which WeChat verifies a host. WeChat's own have a few dozen bytes.
const (
	maxWechatFiles    = 20
	maxWechatFileSize = 1 << 10
)

// wechatFileName matches the names of such files.
var wechatFileName = pattern.Lazy(`^[A-Za-z0-9_-]{1,64}\.txt$`)

// parseWechatFiles reads the folder of such files. It skips hidden files, which systems leave in folders, as Kubernetes
// does in those of its volumes. Everything else must be a file of WeChat, so that no other is published by mistake.
func parseWechatFiles(c *Settings, folder string) error {
	if folder == "" {
		return nil
	}
	found, err := os.ReadDir(folder)
	if err != nil {
		return errors.Unwrap(err) // without the path, see setting.read
	}
	found = slices.DeleteFunc(found, func(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") })
	if len(found) > maxWechatFiles {
		return fmt.Errorf("it has more than %d files", maxWechatFiles)
	}
	c.WechatFiles = map[string][]byte{}
	var faults []string
	for _, entry := range found {
		text, err := readWechatFile(folder, entry.Name())
		if err != nil {
			faults = append(faults, fmt.Sprintf("%q %s", entry.Name(), err))
			continue
		}
		c.WechatFiles[entry.Name()] = text
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, ", "))
	}
	return nil
}

// readWechatFile returns a file of the folder, to which a link may lead. Its errors follow its name in a sentence.
func readWechatFile(folder, name string) ([]byte, error) {
	path := filepath.Join(folder, name)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read (%w)", errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a file")
	case !wechatFileName().MatchString(name):
		return nil, errors.New("is not named like MP_verify_AbC123.txt")
	}
	text, err := readAtMost(path, maxWechatFileSize)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read (%w)", err)
	case len(text) == 0:
		return nil, errors.New("is empty")
	case len(text) > maxWechatFileSize:
		return nil, errors.New("has more than 1 KiB")
	case strings.ContainsFunc(string(text), func(r rune) bool {
		return r != '\r' && r != '\n' && (r < ' ' || r > '~')
	}):
		return nil, errors.New("has other characters than printable ASCII")
	}
	return text, nil
}
