// Package sql stores users, accounts, apps, clients, sessions, keys and the audit log in PostgreSQL or SQLite,
// through gorm, with versioned migrations.
//
// It is responsible for statements, transactions and the store's clock, and encrypts what must not be readable in the
// database. It contains no policy beyond the rules of package identity: it does not decide who may have tokens. What
// only one database needs is in a file with that database's name.
package sql
