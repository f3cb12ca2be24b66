package main

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// storage is how large the database is.
type storage struct {
	Bytes    int64 `json:"bytes"`     // of the database itself
	LogBytes int64 `json:"log_bytes"` // of its write-ahead log, which is used over and over
	Sessions int64 `json:"sessions"`  // rows; -1: unknown
}

// database looks at the server's database between two phases, through a connection that can only read.
func (h *house) database() storage {
	path := filepath.Join(h.folder, "lingpai.db")
	return storage{Bytes: fileSize(path), LogBytes: fileSize(path + "-wal"), Sessions: countSessions(path)}
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func countSessions(path string) int64 {
	address := url.URL{Scheme: "file", Opaque: url.PathEscape(filepath.ToSlash(path)), RawQuery: "mode=ro"}
	database, err := sql.Open("sqlite", address.String())
	if err != nil {
		return -1
	}
	defer database.Close()
	var rows int64
	if err := database.QueryRow("SELECT count(*) FROM sessions").Scan(&rows); err != nil {
		return -1
	}
	return rows
}
