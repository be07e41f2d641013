"""The States port on PostgreSQL; nothing else in the product imports psycopg."""

from twin.stores.postgres.states import PostgresStates

__all__ = ["PostgresStates"]
