"""The door for sockets: who they are, what they ask, and what they are told.

`authenticate` and `connection` know who, `dispatch` and `handlers` what, `feed` and `attach` deliver. Knows no SQL and
no HTTP; every rule is in the services.
"""
