package limits

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Name is the name of a limit in settings, metrics, logs and audit events.
type Name string

// The limits.
const (
	PasswordAddress      Name = "password_address"
	PasswordMinute       Name = "password_minute"
	PasswordQuarter      Name = "password_quarter"
	PasswordDay          Name = "password_day"
	PasswordUser         Name = "password_user"
	RejectedCodes        Name = "rejected_codes"
	SignIns              Name = "sign_ins"
	AddressRegistrations Name = "address_registrations"
	Registrations        Name = "registrations"
	PhoneNumbers         Name = "phone_numbers"
	SessionKeys          Name = "session_keys"
	AppTokens            Name = "app_tokens"
	PushedRequests       Name = "pushed_requests"
	DeviceRequests       Name = "device_requests"
	UserCodes            Name = "user_codes"
	UserCodesUser        Name = "user_codes_user"
	AllUserCodes         Name = "all_user_codes"
	Scans                Name = "scans"
	ScansUser            Name = "scans_user"
	ScanReports          Name = "scan_reports"
	ScanPictures         Name = "scan_pictures"
	AllScanPictures      Name = "all_scan_pictures"
	ScanLinks            Name = "scan_links"
	ScanLinksAddress     Name = "scan_links_address"
	AllScanLinks         Name = "all_scan_links"
	HandOffs             Name = "hand_offs"
)

// Rate allows Uses in a burst, and one more every Period/Uses. No uses mean no limit.
type Rate struct {
	Uses   int
	Period time.Duration
}

// String returns a rate in the form of settings, such as "60/1h".
func (r Rate) String() string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if r.Period%unit.of == 0 {
			return strconv.Itoa(r.Uses) + "/" + strconv.FormatInt(int64(r.Period/unit.of), 10) + unit.name
		}
	}
	return strconv.Itoa(r.Uses) + "/" + r.Period.String()
}

// ParseRate reads a rate in the form of String, with up to 1000000 uses and a period from 1s to 720h.
func ParseRate(text string) (Rate, error) {
	number, duration, _ := strings.Cut(text, "/")
	uses, err1 := strconv.Atoi(number)
	period, err2 := time.ParseDuration(duration)
	if err := errors.Join(err1, err2); err != nil {
		return Rate{}, err
	}
	if uses < 0 || uses > 1_000_000 || period < time.Second || period > 720*time.Hour {
		return Rate{}, errors.New("out of range")
	}
	return Rate{uses, period}, nil
}

// Known reports whether there is a limit with this name.
func Known(name Name) bool {
	return slices.ContainsFunc(All(), func(l Limit) bool { return l.Name == name })
}

// Limit is a named limit.
type Limit struct {
	Name    Name
	By      string // what is counted separately
	Of      string // what is counted
	Rate    Rate   // the default
	event   string // the kind of audit event when it refuses a use
	refusal string // the description for callers
}

// byAddress is the By of a limit that counts each network of an address, see [ByAddress].
const byAddress = "address and its networks"

// All returns the table of all limits.
func All() []Limit {
	const (
		attempts    = "Too many attempts. Wait before trying again."
		signIns     = "This user has signed in too often. Wait before trying again."
		codes       = "Too many codes were rejected. Wait before trying again."
		registering = "Too many users are registering. Wait before trying again."
		appTokens   = "Too many requests for the token of this app. Cache it for expires_in seconds."
		throttled   = identity.EventSignInThrottled
		reached     = identity.EventLimitReached
		day         = 24 * time.Hour
	)
	return []Limit{
		{PasswordAddress, byAddress + ", or known network of the user", "password attempts",
			Rate{300, 10 * time.Minute}, throttled, attempts},
		{PasswordMinute, "user name and address", "password attempts", Rate{5, time.Minute}, throttled, attempts},
		{PasswordQuarter, "user name and address", "password attempts", Rate{10, 15 * time.Minute}, throttled,
			attempts},
		{PasswordDay, "user name and address", "password attempts", Rate{30, day}, throttled, attempts},
		{PasswordUser, "user name, and each known network of it", "password attempts", Rate{100, time.Hour},
			throttled, attempts},
		{RejectedCodes, byAddress + ", or known device", "codes that the platform rejected",
			Rate{300, 10 * time.Minute}, throttled, codes},
		{SignIns, "user and client", "sign-ins", Rate{60, time.Hour}, throttled, signIns},
		{AddressRegistrations, byAddress, "registrations", Rate{10, time.Hour}, reached, registering},
		{Registrations, "nothing: all together", "registrations", Rate{1000, time.Hour}, reached, registering},
		{PhoneNumbers, "user", "phone numbers by code", Rate{3, day}, reached, attempts},
		{SessionKeys, "account at the app", "checks and resets of the session key", Rate{10, time.Minute}, reached,
			attempts},
		{AppTokens, "client and app", "requests for the app's token", Rate{60, time.Minute}, reached, appTokens},
		{PushedRequests, byAddress, "authorization requests that public clients push", Rate{300, 10 * time.Minute},
			reached, attempts},
		{DeviceRequests, byAddress, "requests of devices of public clients", Rate{300, 10 * time.Minute}, reached,
			attempts},
		{UserCodes, byAddress, "wrong user codes", Rate{30, 10 * time.Minute}, reached, attempts},
		{UserCodesUser, "user who is signed in", "wrong user codes", Rate{20, 10 * time.Minute}, reached, attempts},
		{AllUserCodes, "nothing: all where nobody is signed in", "wrong user codes", Rate{10000, time.Hour}, reached,
			attempts},
		{Scans, byAddress, "codes to be scanned that pages show", Rate{2000, 10 * time.Minute}, reached, attempts},
		{ScansUser, "user", "codes that they scan", Rate{30, 10 * time.Minute}, reached, attempts},
		{ScanReports, "user", "reports that end the codes of an address", Rate{3, time.Hour}, reached, attempts},
		{ScanPictures, "code to be scanned", "pictures of it that WeChat is asked for", Rate{3, 10 * time.Minute},
			reached, attempts},
		{AllScanPictures, "nothing: all together", "pictures of codes that WeChat is asked for; it makes 5000 a minute",
			Rate{4500, time.Minute}, reached, attempts},
		{ScanLinks, "code to be scanned", "links to it that WeChat is asked for", Rate{4, 10 * time.Minute}, reached,
			attempts},
		{ScanLinksAddress, byAddress, "links to codes that WeChat is asked for", Rate{120, 10 * time.Minute}, reached,
			attempts},
		{AllScanLinks, "nothing: all together", "links to codes that WeChat is asked for; it makes 500000 a day",
			Rate{19000, time.Hour}, reached, attempts},
		{HandOffs, "user", "tickets that hand a session to a browser", Rate{120, 10 * time.Minute}, reached, attempts},
	}
}
