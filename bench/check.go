package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
)

// checkTokens verifies one access token of each benchmark with the standard library and the published key set, since a
// server that signed with a shorter key, or not at all, would seem fast.
func checkTokens(benchmarks []*benchmark) error {
	for _, t := range benchmarks {
		if t.workload.token == nil {
			continue
		}
		keys, err := fetchKeys(t.server.ready.JWKSURI)
		if err != nil {
			return err
		}
		if err := checkToken(t.workload.token(), keys); err != nil {
			return fmt.Errorf("the access token of %s: %w", t.subject, err)
		}
	}
	return nil
}

func checkToken(token string, keys map[string]*rsa.PublicKey) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("is not a compact JWS")
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	var members struct{ Alg, Kid string }
	if err := json.Unmarshal(header, &members); err != nil {
		return err
	}
	key := keys[members.Kid]
	if members.Alg != "RS256" || key == nil || key.N.BitLen() != 2048 {
		return errors.New("is not signed with RS256 by a published key of 2048 bits")
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
}

// fetchKeys returns the published keys by their ids.
func fetchKeys(jwksURI string) (map[string]*rsa.PublicKey, error) {
	response, err := http.Get(jwksURI)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		modulus, err1 := base64.RawURLEncoding.DecodeString(k.N)
		exponent, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	}
	return keys, nil
}
