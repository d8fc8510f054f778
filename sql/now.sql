-- What time it is.
select pgqueue.now()
