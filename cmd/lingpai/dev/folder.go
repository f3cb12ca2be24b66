package dev

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// seeds are the generated secrets of a folder. They are stored beside the database in a file that only its owner can
// read, so that a second start prints the same; they are valid for this folder's database only.
type seeds struct {
	AppID        string `json:"appid"`
	AppSecret    string `json:"app_secret"`
	ClientSecret string `json:"client_secret"`
	Password     string `json:"password"`
}

// openFolder reads the secrets of a folder, or creates the folder and the secrets. A configured master key takes
// precedence over the folder's.
func openFolder(folder string, c *settings.Settings) (seeds, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return seeds{}, fmt.Errorf("--data: %w", err)
	}
	if c.MasterKey == "" {
		text, err := readOrCreate(filepath.Join(folder, "master.key"),
			func() (string, error) { return keys.NewMasterKey(time.Now()) })
		if err != nil {
			return seeds{}, fmt.Errorf("--data: %w", err)
		}
		c.MasterKey = identity.Secret(text)
	}
	path := filepath.Join(folder, "dev.json")
	text, err := readOrCreate(path, newSeeds)
	if err != nil {
		return seeds{}, fmt.Errorf("--data: %w", err)
	}
	var s seeds
	if err := json.Unmarshal([]byte(text), &s); err != nil || s.AppID == "" {
		return s, fmt.Errorf("--data: %s was not written by lingpai dev; remove the folder to start again", path)
	}
	return s, nil
}

func newSeeds() (string, error) {
	digits := make([]byte, 8)
	rand.Read(digits) // never fails (crypto/rand)
	text, err := json.MarshalIndent(seeds{
		AppID: "wx" + hex.EncodeToString(digits), AppSecret: wechattest.SecretPrefix + rand.Text(),
		ClientSecret: identity.NewClientSecret(), Password: rand.Text(),
	}, "", "  ")
	return string(text), err
}

// readOrCreate reads a file, or creates it atomically: a process that is killed leaves no partial file.
func readOrCreate(path string, create func() (string, error)) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	made, err := create()
	if err != nil {
		return "", err
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, []byte(made+"\n"), 0o600); err != nil {
		return "", err
	}
	return made, os.Rename(draft, path)
}
