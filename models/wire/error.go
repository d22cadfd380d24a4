package wire

// ErrorBody is the body of a response that reports an error.
type ErrorBody struct {
	Error Error `json:"error"`
}

// Error is an error.
type Error struct {
	Type    string            `json:"type"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"` // of a validation_error
}
