-- Whether any job with limits has been claimed.
select exists (select from pgqueue.witness)
