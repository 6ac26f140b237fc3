"""The database: tables, migrations, bulk lookups."""
