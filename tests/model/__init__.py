"""What people and agents may do in any order, against a model that knows no code of ours."""
