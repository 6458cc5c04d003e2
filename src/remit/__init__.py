"""Remit lets software agents act on their own within bounds that people set, and asks a person for everything else."""
