"""The HTTP door: everything under `/api`, the health checks, and the web client's files. Knows no store."""
