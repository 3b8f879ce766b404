"""Rules every stack keeps: pure functions from recorded resources to a list of problems."""
