# SPDX-License-Identifier: MIT
"""The tables of this version; run once for each database, and harmless when run again."""
import store

STEPS = [
    "CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, body text NOT NULL, made timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS tags (note int NOT NULL REFERENCES notes ON DELETE CASCADE, name text NOT NULL)",
    "CREATE INDEX IF NOT EXISTS tags_name ON tags (name)",
]

for step in STEPS:
    store.query(step)
print(f"{len(STEPS)} steps, {len(store.query('SELECT 1 FROM pg_tables WHERE schemaname = %s', 'public'))} tables")
