package wechat

import (
	"errors"
	"fmt"
)

// Explain says in a sentence or two what happened, and who can do something about it. It is for errors that are neither
// the code's nor the user's. title is the platform's name.
func (e *Error) Explain(title string) string {
	errcode := ""
	if e.Errcode != 0 {
		errcode = fmt.Sprintf(" (errcode %d)", e.Errcode)
	}
	switch {
	case errors.Is(e.Class, ErrMisconfigured):
		return title + " rejects " + e.Setting() + errcode + ". The operator must fix it."
	case errors.Is(e.Class, ErrThrottled):
		return title + " is limiting this app or user" + errcode + ". Wait before trying again."
	case e.Errcode == 0:
		return title + " cannot be reached right now."
	case e.Errcode == -1, e.Errcode == -1000:
		return title + " is busy" + errcode + "."
	case isTokenRejection(e):
		return title + " rejects the access token of the app, and the next one too" + errcode +
			". Another program may be replacing it: the operator must find out."
	}
	return title + " answers with an error that this server does not know" + errcode +
		". The operator finds its meaning in the documentation of " + title + "."
}

// Setting names what an error with the class ErrMisconfigured is about, such as "the AppSecret".
func (e *Error) Setting() string {
	switch e.Errcode {
	case 40013, 41002:
		return "the AppID"
	case 40001, 40125, 41004:
		return "the AppSecret"
	case 40243:
		return "the AppSecret, which is frozen"
	case 40164, 61004:
		return "the IP address of this server, which is not in the allow-list of the app"
	case 89501, 89503, 89506, 89507:
		return "the IP address of this server, until an administrator of the app allows it"
	case 48001, 48004:
		return "the app, which may not make this call"
	case 50002, 50004, 50007:
		return "the app, which is restricted or frozen"
	case 61024:
		return "the app, which a third-party platform manages"
	}
	return "the configuration of the app"
}
