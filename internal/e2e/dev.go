package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
)

// Ready is the line that "lingpai dev --output json" prints when it answers requests.
type Ready struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
	MiniProgram   struct {
		ClientID string `json:"client_id"`
		AppID    string `json:"appid"`
	} `json:"mini_program"`
	Confidential struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"confidential"`
	User struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"user"`
	Simulator struct {
		URL string `json:"url"`
	} `json:"simulator"`
}

// DevArguments returns the arguments of a "lingpai dev" that listens on an address, stores its data in a folder, and
// prints a line of JSON when it is ready. Port 0 is any free port.
func DevArguments(address, folder string) []string {
	return []string{"dev", "--addr", address, "--data", folder, "--output", "json"}
}

// StartDev starts a command with DevArguments, and waits until it is ready.
func StartDev(command *exec.Cmd, logName string) (*Process, Ready, error) {
	var ready Ready
	stdout, writer := io.Pipe()
	command.Stdout = writer
	p, err := Start(command, logName)
	if err != nil {
		return nil, ready, err
	}
	go p.endedWith(writer, "lingpai dev")
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		_ = stdout.Close() // otherwise Wait would wait for a reader
		p.Kill()
		return nil, ready, err
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return p, ready, nil
}
