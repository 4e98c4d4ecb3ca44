package awslocal

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an answer that refuses a whole call.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func clientError(code, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

func invalidArgument(format string, args ...any) *apiError {
	return clientError("InvalidArgumentException", format, args...)
}

// constraint is how the services' front end words a value that breaks its model.
func constraint(value, field, rule string) *apiError {
	return clientError("ValidationException",
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, field, rule)
}

func missing(field string) *apiError {
	return clientError("ValidationException",
		"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", field)
}

// faultStatus is the HTTP status that goes with a code a Fault names.
func faultStatus(code string) int {
	switch code {
	case "InternalFailure", "InternalFailureException", "InternalServiceFault", "InternalServerError":
		return http.StatusInternalServerError
	case "ServiceUnavailable", "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// faultMessage is the services' wording for a code that a Fault names without a message.
func faultMessage(code string, c *call) string {
	switch code {
	case "InternalFailure", "InternalFailureException", "InternalServiceFault", "InternalServerError":
		return "Internal service failure."
	case "ServiceUnavailable", "ServiceUnavailableException":
		return "Slow down."
	case "ExpiredTokenException", "ExpiredToken":
		return "The security token included in the request is expired"
	case "UnrecognizedClientException", "InvalidClientTokenId":
		return "The security token included in the request is invalid."
	case "AccessDeniedException", "AccessDenied":
		return fmt.Sprintf("User: arn:aws:iam::%s:user/awslocal is not authorized to perform: %s:%s on resource: %s because no identity-based policy allows the %s:%s action",
			c.srv.opts.AccountID, c.service, c.operation, c.resource(), c.service, c.operation)
	case "KMSAccessDeniedException":
		return "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
	case "KMSDisabledException":
		return "The key is disabled."
	case "KMSInvalidStateException":
		return "The key is pending deletion."
	case "KMSNotFoundException":
		return "The key was not found."
	case "KMSOptInRequired":
		return "The AWS access key ID needs a subscription for the service."
	case "KMSThrottlingException":
		return "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
	case "ProvisionedThroughputExceededException":
		return fmt.Sprintf("Rate exceeded for stream %s under account %s.", c.stream, c.srv.opts.AccountID)
	case "LimitExceededException", "Throttling", "ThrottlingException":
		return "Rate exceeded"
	}
	return strings.TrimSuffix(code, "Exception")
}

// errorAnswer is the body of a refusal in every protocol but the query one.
type errorAnswer struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}
