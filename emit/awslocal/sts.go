package awslocal

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// queryAnswer is a ready XML body.
type queryAnswer string

var stsOperations = map[string]operation{
	"AssumeRole":        assumeRole,
	"GetCallerIdentity": getCallerIdentity,
}

// openForm reads the operation from a query call's form.
func (c *call) openForm() error {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return clientError("MalformedQueryString", "%v", err)
	}
	c.r.Form = form
	c.operation = form.Get("Action")
	return nil
}

func escaped(s string) string {
	var b xmlBuffer
	_ = xml.EscapeText(&b, []byte(s))
	return string(b)
}

type xmlBuffer []byte

func (b *xmlBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func queryError(e *apiError, id string) []byte {
	return fmt.Appendf(nil, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
		escaped(strings.TrimSuffix(e.code, "Exception")), escaped(e.message), id)
}

func assumeRole(s *Server, c *call) (any, error) {
	role, session := c.r.Form.Get("RoleArn"), c.r.Form.Get("RoleSessionName")
	if role == "" || session == "" {
		return nil, clientError("ValidationError", "RoleArn and RoleSessionName are required")
	}
	k := s.issue()
	return queryAnswer(fmt.Sprintf(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROALOCAL:%[1]s</AssumedRoleId><Arn>%[2]s/%[1]s</Arn></AssumedRoleUser><Credentials><AccessKeyId>%[3]s</AccessKeyId><SecretAccessKey>%[4]s</SecretAccessKey><SessionToken>%[5]s</SessionToken><Expiration>%[6]s</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>%[7]s</RequestId></ResponseMetadata></AssumeRoleResponse>`,
		escaped(session), escaped(role), k.AccessKeyID, k.SecretAccessKey, k.SessionToken, k.Expires.UTC().Format(time.RFC3339), c.id)), nil
}

func getCallerIdentity(s *Server, c *call) (any, error) {
	return queryAnswer(fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%[1]s:user/awslocal</Arn><UserId>%[2]s</UserId><Account>%[1]s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>%[3]s</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		s.opts.AccountID, escaped(c.accessKey), c.id)), nil
}
