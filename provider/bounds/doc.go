// Package bounds limits how many connections and how many bytes of request bodies a server holds in memory, before it
// does any work for them. What is limited is shared fairly between networks of clients, so that one of them cannot
// keep out the others.
package bounds
