// Package md5 hashes several messages at once, each in a lane of the processor's vector registers: what one message is to crypto/md5, eight
// are to it. It is for aggregates, whose format wants MD5, and for the keys of records; nothing here is, or may be used as, security.
package md5
