"""
Far sides to try Remit against: small, real services on loopback that count every write they carry out.

Belongs here: what a demonstration or a test needs to stand on the other end. Does not: anything of Remit itself.
"""
