-- Listens to the calls for heartbeats, as workers do: to find out whether they arrive.
listen "pgqueue.control"
