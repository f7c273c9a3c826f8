"""What is asked of the servers: one module per question, each with a function `run(machine, sizes) -> Table`."""
