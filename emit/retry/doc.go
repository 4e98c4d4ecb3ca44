// Package retry says what an error of AWS, of HTTP or of the network means for the records in the request, and how long to wait. It knows
// neither the services' clients nor the queues.
package retry
