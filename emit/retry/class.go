package retry

import "fmt"

// Class is what is to be done about an error.
type Class uint8

// The classes, from the mildest to the most stubborn.
const (
	// None is no error.
	None Class = iota
	// Throttle: sent too fast. The refused records are sent again, slower.
	Throttle
	// Transient: a fault of the service or of the way to it. Sent again; the outcome may be unknown.
	Transient
	// Credentials: they expired or could not be had. The cached ones are thrown away and it is tried again.
	Credentials
	// Configuration: nothing that waiting mends. The circuit opens, the position is kept.
	Configuration
	// Data: something in the request is refused. The request is divided until the bad record is alone.
	Data
)

func (c Class) String() string {
	switch c {
	case None:
		return "none"
	case Throttle:
		return "throttle"
	case Transient:
		return "transient"
	case Credentials:
		return "credentials"
	case Configuration:
		return "configuration"
	case Data:
		return "data"
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Fault is an error that was understood.
type Fault struct {
	Class Class
	// Code is the service's error code, else a word such as "http 413", "dns", "timeout".
	Code string
	// Message is what the service said, for people.
	Message string
	// Unknown says that the request may have been carried out although no good answer came: what is sent again may
	// be a repeat.
	Unknown bool
	// TooLarge says that the request's size was refused, by the service or by something on the way to it.
	TooLarge bool
}

func (f Fault) String() string {
	if f.Message == "" {
		return f.Code
	}
	return f.Code + ": " + f.Message
}
