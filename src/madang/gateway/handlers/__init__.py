"""One module per noun: what each client event asks of the services."""
