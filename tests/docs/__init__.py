"""The documents say what is so: what they show is run, and what they list is compared with the code."""
