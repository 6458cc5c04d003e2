"""
One file a revision, never changed once released.

`AHEAD` names indexes of large tables, each with its table, columns and condition: on PostgreSQL they are made while
others write, before the transaction of the migration, which makes them where they are not there yet. So they may name
only columns that the first revision has.
"""
