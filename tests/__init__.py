"""Everything that shows that Remit does what it says."""
