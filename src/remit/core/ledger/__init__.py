"""The append-only history: its entries, positions in it, and the verification of an export."""
