// Package outbound sends requests to URLs that clients have registered, and to public addresses only.
package outbound
