package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// exchangeTimeout limits an exchange, far beyond any useful answer.
const exchangeTimeout = 30 * time.Second

// connection is one persistent HTTP/1.1 connection. net/http's client would need more CPU than the measured server,
// since it passes every request to two other goroutines.
type connection struct {
	raw    net.Conn
	reader *bufio.Reader
	body   bytes.Buffer
}

func dial(address string) (*connection, error) {
	raw, err := net.DialTimeout("tcp", address, exchangeTimeout)
	if err != nil {
		return nil, err
	}
	return &connection{raw: raw, reader: bufio.NewReader(raw)}, nil
}

// exchange sends a request and returns the answer's status and body, which is valid until the next exchange.
func (c *connection) exchange(request []byte) (int, []byte, error) {
	if err := c.raw.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.raw.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	c.body.Reset()
	_, err = c.body.ReadFrom(response.Body)
	_ = response.Body.Close() // it has been read, and the connection stays open
	if err == nil && response.Close {
		err = io.ErrClosedPipe // each connection must stay open for the whole phase
	}
	return response.StatusCode, c.body.Bytes(), err
}

// getRequest returns the bytes of a GET.
func getRequest(target *url.URL) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n\r\n", target.RequestURI(),
		target.Host)
}

// postRequest returns the bytes of a POST of a form. With a secret the client authenticates by HTTP Basic.
func postRequest(target *url.URL, id, secret string, form url.Values) []byte {
	authorization := ""
	if secret != "" {
		pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret) // RFC 6749 §2.3.1
		authorization = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) + "\r\n"
	} else {
		form.Set("client_id", id)
	}
	body := form.Encode()
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n%sContent-Type: "+
		"application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		target.RequestURI(), target.Host, authorization, len(body), body)
}
