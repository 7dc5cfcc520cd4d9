package s3front

// code is an S3 error code (S3 API reference, "Error responses").
type code int

const (
	internalError code = iota
	accessDenied
	aclNotSupported
	authHeaderMalformed
	authQueryError
	badDigest
	bucketExists
	bucketNotEmpty
	bucketOwned
	entityTooLarge
	entityTooSmall
	incompleteBody
	invalidAccessKeyID
	invalidArgument
	invalidBucketName
	invalidDigest
	invalidEncoding
	invalidLocation
	invalidPart
	invalidPartNumber
	invalidPartOrder
	invalidRange
	invalidRedirect
	invalidRequest
	invalidStorageClass
	invalidTag
	invalidToken
	invalidURI
	keyTooLong
	malformedTrailer
	malformedXML
	metadataTooLarge
	methodNotAllowed
	missingLength
	noSuchBucket
	noSuchKey
	noSuchTagSet
	noSuchUpload
	noSuchVersion
	notImplemented
	notModified
	operationAborted
	preconditionFailed
	requestTimeout
	serviceUnavailable
	signatureMismatch
	skewed
	slowDown
	sha256Mismatch
	tooManyTags
)

// reply is how a code looks on the wire.
type reply struct {
	name    string
	status  int
	message string
}

// reply returns the code's name, status and default message.
func (c code) reply() reply {
	return [...]reply{
		internalError:       {"InternalError", 500, "We encountered an internal error. Please try again."},
		accessDenied:        {"AccessDenied", 403, "Access Denied"},
		aclNotSupported:     {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
		authHeaderMalformed: {"AuthorizationHeaderMalformed", 400, "The authorization header that you provided is not valid."},
		authQueryError:      {"AuthorizationQueryParametersError", 400, "Error parsing the X-Amz-Credential parameter."},
		badDigest:           {"BadDigest", 400, "The Content-MD5 or checksum value that you specified did not match what the server received."},
		bucketExists:        {"BucketAlreadyExists", 409, "The requested bucket name is not available. Select a different name and try again."},
		bucketNotEmpty:      {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
		bucketOwned:         {"BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it."},
		entityTooLarge:      {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
		entityTooSmall:      {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
		incompleteBody:      {"IncompleteBody", 400, "The request body terminated unexpectedly"},
		invalidAccessKeyID:  {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
		invalidArgument:     {"InvalidArgument", 400, "Invalid Argument"},
		invalidBucketName:   {"InvalidBucketName", 400, "The specified bucket is not valid."},
		invalidDigest:       {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
		invalidEncoding:     {"InvalidArgument", 400, "Invalid Encoding Method specified in Request"},
		invalidLocation:     {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"},
		invalidPart:         {"InvalidPart", 400, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."},
		invalidPartNumber:   {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},
		invalidPartOrder:    {"InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number."},
		invalidRange:        {"InvalidRange", 416, "The requested range is not satisfiable"},
		invalidRedirect:     {"InvalidRedirectLocation", 400, "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."},
		invalidRequest:      {"InvalidRequest", 400, "Invalid Request"},
		invalidStorageClass: {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
		invalidTag:          {"InvalidTag", 400, "The tag provided was not a valid tag."},
		invalidToken:        {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
		invalidURI:          {"InvalidURI", 400, "Couldn't parse the specified URI."},
		keyTooLong:          {"KeyTooLongError", 400, "Your key is too long"},
		malformedTrailer:    {"MalformedTrailerError", 400, "The request contained trailing data that was not well-formed or did not conform to our published schema."},
		malformedXML:        {"MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema"},
		metadataTooLarge:    {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
		methodNotAllowed:    {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
		missingLength:       {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
		noSuchBucket:        {"NoSuchBucket", 404, "The specified bucket does not exist"},
		noSuchKey:           {"NoSuchKey", 404, "The specified key does not exist."},
		noSuchTagSet:        {"NoSuchTagSet", 404, "The TagSet does not exist"},
		noSuchUpload:        {"NoSuchUpload", 404, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."},
		noSuchVersion:       {"NoSuchVersion", 404, "The specified version does not exist."},
		notImplemented:      {"NotImplemented", 501, "A header or query you provided implies functionality that is not implemented."},
		notModified:         {"NotModified", 304, "Not Modified"},
		operationAborted:    {"OperationAborted", 409, "A conflicting conditional operation is currently in progress against this resource. Try again."},
		preconditionFailed:  {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"},
		requestTimeout:      {"RequestTimeout", 400, "Your socket connection to the server was not read from or written to within the timeout period."},
		serviceUnavailable:  {"ServiceUnavailable", 503, "Service is unable to handle request."},
		signatureMismatch:   {"SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."},
		skewed:              {"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."},
		slowDown:            {"SlowDown", 503, "Please reduce your request rate."},
		sha256Mismatch:      {"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
		tooManyTags:         {"BadRequest", 400, "Object tags cannot be greater than 10"},
	}[c]
}
