// Package expr compiles HCL expressions, once, to Go closures that read a record. Evaluating one builds no cty value and, for field
// access, comparisons and logic, allocates nothing. What can't be compiled is refused at load with its range.
package expr
