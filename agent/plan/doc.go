// Package plan says what a stream for a configuration's logs has to be like and costs: it reads a sample of the real files, runs the real pipeline and the
// real packing over it for each way of packing, and multiplies. It sends nothing and changes nothing.
package plan
