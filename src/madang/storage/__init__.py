"""The durable store: tables, migrations, and one module of repository functions per noun.

Repository functions are plain `f(conn, …)` over SQLAlchemy Core, so that SQLite (in threads) and PostgreSQL (through
`run_sync`) share them; the few hot statements of the log are SQL files of their own, per database. Nothing above this
package sees a connection, a row or a statement.
"""
