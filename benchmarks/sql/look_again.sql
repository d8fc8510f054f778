-- Every line is due.
update pgqueue.lines set next_at = clock_timestamp()
