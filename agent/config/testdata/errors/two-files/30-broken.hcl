flow "broken" {
  tail {
