"""
The store on DynamoDB: one table, one `TransactWriteItems` a change.

Belongs here: keys, indexes, requests, and what their failures mean. Does not: any rule of the gate. The
package needs boto3, the extra `aws`.
"""

from remit.stores.dynamodb.opening import open_client, open_store
from remit.stores.dynamodb.store import DynamoStore
from remit.stores.dynamodb.table import INDEXES, Index, create_table, table_shape
from remit.stores.dynamodb.table_format import raise_due_parts

__all__ = [
    "INDEXES",
    "DynamoStore",
    "Index",
    "create_table",
    "open_client",
    "open_store",
    "raise_due_parts",
    "table_shape",
]
