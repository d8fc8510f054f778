-- No key is known any more.
truncate pgqueue.limits, pgqueue.lines, pgqueue.arrivals, pgqueue.queues, pgqueue.paces
