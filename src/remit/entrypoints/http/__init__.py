"""
The HTTP door: agents propose, people answer, nobody crosses over.

It translates between HTTP and `remit.app` and decides nothing: the tenant comes from the credential, what
the credential may do from `remit.core.identity.access`, and concurrent requests share the store's commits. The
OpenAPI document that it serves is the contract.
"""

from remit.entrypoints.http.app import create_api

__all__ = ["create_api"]
