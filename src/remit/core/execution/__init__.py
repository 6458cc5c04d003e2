"""What an approved intent may do: approvals, attempts and outcomes, and templates from parameters to a request."""
