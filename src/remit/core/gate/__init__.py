"""What decides: action types, autonomy modes, budgets, policies, the bounds they stand in, and the decision itself."""
