"""The worker: a supervisor process that never runs user code, and children that do."""
