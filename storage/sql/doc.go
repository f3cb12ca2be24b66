// Package sql keeps users, accounts, apps, clients, sessions, keys and the audit log in PostgreSQL or SQLite,
// through gorm, with versioned migrations.
//
// It owns statements, transactions and the store's clock, and seals what the database must not show. It
// decides nothing that a noun does not decide: who may have tokens is none of its business. What is special
// to a dialect stands in a file of that name.
package sql
