"""The wire contract: every event name and every payload, once.

`shapes` are the nouns both doors speak of, `client_events` and `server_events` the sockets, `rest` the HTTP bodies,
`limits` the numbers, `codec` turns them into bytes, `export` writes them out for other languages. Knows no sockets and
no store. Fields are only ever added.
"""
