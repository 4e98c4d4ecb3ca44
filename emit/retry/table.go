package retry

// codes is the one table of AWS error codes. Sources: the error lists of PutRecords, PutRecordBatch, ListShards,
// DescribeStreamSummary and PutMetricData in their API references, the "Common errors" page of each service, and
// the codes that the SDK's own retryer knows as throttling or as expired credentials.
var codes = map[string]Class{
	// Too fast.
	"ProvisionedThroughputExceededException": Throttle,
	"ProvisionedThroughputExceeded":          Throttle,
	"ThrottlingException":                    Throttle,
	"Throttling":                             Throttle,
	"ThrottledException":                     Throttle,
	"RequestThrottled":                       Throttle,
	"RequestThrottledException":              Throttle,
	"RequestLimitExceeded":                   Throttle,
	"TooManyRequestsException":               Throttle,
	"LimitExceededException":                 Throttle,
	"BandwidthLimitExceeded":                 Throttle,
	"SlowDown":                               Throttle,
	"KMSThrottlingException":                 Throttle,
	"ServiceUnavailableException":            Throttle, // Firehose's word for a stream over its limits

	// The service's faults, and states that pass.
	"InternalFailure":          Transient,
	"InternalFailureException": Transient,
	"InternalServerError":      Transient,
	"InternalServiceError":     Transient,
	"InternalServiceException": Transient,
	"InternalServiceFault":     Transient,
	"InternalError":            Transient,
	"ServiceUnavailable":       Transient,
	"ServiceFailure":           Transient,
	"RequestTimeout":           Transient,
	"RequestTimeoutException":  Transient,
	"ResourceInUseException":   Transient, // a stream that is being created
	// The clock: the SDK learns the difference from the answer, and the next request is signed with it.
	"RequestTimeTooSkewed": Transient,
	"RequestExpired":       Transient,
	"RequestInTheFuture":   Transient,

	// Who we are.
	"ExpiredToken":                          Credentials,
	"ExpiredTokenException":                 Credentials,
	"TokenRefreshRequired":                  Credentials,
	"InvalidToken":                          Credentials,
	"InvalidClientTokenId":                  Credentials,
	"UnrecognizedClientException":           Credentials,
	"InvalidSignatureException":             Credentials,
	"SignatureDoesNotMatch":                 Credentials,
	"InvalidAccessKeyId":                    Credentials,
	"AuthFailure":                           Credentials,
	"MissingAuthenticationToken":            Credentials,
	"MissingAuthenticationTokenException":   Credentials,
	"IncompleteSignature":                   Credentials,
	"IncompleteSignatureException":          Credentials,
	"CredentialsNotAvailable":               Credentials,
	"ExpiredTokenForAssumeRoleWithWebToken": Credentials,

	// What somebody has to mend.
	"AccessDenied":                  Configuration,
	"AccessDeniedException":         Configuration,
	"NotAuthorized":                 Configuration,
	"UnauthorizedOperation":         Configuration,
	"OptInRequired":                 Configuration,
	"ResourceNotFoundException":     Configuration,
	"ResourceNotFound":              Configuration,
	"InvalidSourceException":        Configuration, // Firehose: the delivery stream reads from a data stream
	"InvalidKMSResourceException":   Configuration,
	"KMSAccessDeniedException":      Configuration,
	"KMSDisabledException":          Configuration,
	"KMSInvalidStateException":      Configuration,
	"KMSNotFoundException":          Configuration,
	"KMSOptInRequired":              Configuration,
	"UnknownOperationException":     Configuration, // not this service at that endpoint
	"UnsupportedProtocolException":  Configuration,
	"InvalidAction":                 Configuration,
	"MalformedHttpRequestException": Configuration,
	"RequestAbortedException":       Transient,
	"InvalidParameterCombination":   Configuration,
	"SubscriptionRequiredException": Configuration,
	"UnsupportedOperationException": Configuration,

	// What the service does not want to take.
	"ValidationException":            Data,
	"ValidationError":                Data,
	"InvalidArgumentException":       Data,
	"InvalidParameterValue":          Data,
	"SerializationException":         Data,
	"RequestEntityTooLargeException": Data,
}
