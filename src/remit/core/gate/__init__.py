"""
The gate's rules: action types, autonomy modes, budgets, policies, the bounds they stand in, and the decision itself.
"""
