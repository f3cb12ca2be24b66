package oauth

// Grant types, as in "grant_type" and in a client's record.
const (
	GrantAuthorizationCode = "authorization_code" // RFC 6749 §4.1
	GrantWechatCode        = "wechat_code"
	GrantQQCode            = "qq_code"
	GrantPassword          = "password"                                        // RFC 6749 §4.3
	GrantRefreshToken      = "refresh_token"                                   // RFC 6749 §6
	GrantClientCredentials = "client_credentials"                              // RFC 6749 §4.4
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628 §3.4
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1

	// GrantWechatCodeURN is an alias of GrantWechatCode for clients that follow RFC 6749 §4.5, which requires a URI.
	GrantWechatCodeURN = "urn:lingpai:oauth:grant-type:wechat_code"
)

// GrantTypes lists the grant types that a client's record may have.
func GrantTypes() []string {
	return []string{GrantAuthorizationCode, GrantWechatCode, GrantQQCode, GrantPassword, GrantRefreshToken,
		GrantClientCredentials, GrantDeviceCode, GrantTokenExchange}
}

// Types of tokens in a token exchange (RFC 8693 §3).
const (
	TokenTypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	TokenTypeJWT         = "urn:ietf:params:oauth:token-type:jwt"

	// TokenTypeTicket is the type of a ticket that hands a session to a browser.
	TokenTypeTicket = "urn:lingpai:oauth:token-type:ticket"
)
