-- Makes the history's partitions for today and the days ahead.
select pgqueue.create_partitions(%(days_ahead)s::integer)
