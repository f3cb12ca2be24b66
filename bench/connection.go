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

// answer is the server's answer to a request. Its body is valid until the next exchange.
type answer struct {
	status   int
	location string // of a redirect
	body     []byte
}

// failure returns an error for an error answer, and nil for a success or a redirect.
func (a answer) failure() error {
	if a.status < http.StatusBadRequest {
		return nil
	}
	return fmt.Errorf("%d: %.200s", a.status, a.body)
}

// exchange sends a request and returns its answer.
func (c *connection) exchange(request []byte) (answer, error) {
	if err := c.raw.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return answer{}, err
	}
	if _, err := c.raw.Write(request); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return answer{}, err
	}
	c.body.Reset()
	_, err = c.body.ReadFrom(response.Body)
	_ = response.Body.Close() // it has been read, and the connection stays open
	if err == nil && response.Close {
		err = io.ErrClosedPipe // each connection must stay open for the whole phase
	}
	return answer{response.StatusCode, response.Header.Get("Location"), c.body.Bytes()}, err
}

// getRequest returns the bytes of a GET, with more headers.
func getRequest(target *url.URL, headers ...string) []byte {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", target.RequestURI(),
		target.Host)
	for _, header := range headers {
		request = append(append(request, header...), "\r\n"...)
	}
	return append(request, "\r\n"...)
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
